"""Time and memory in a record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..base.model import RecordPart

#: What a machine does that spoils times: others' work, a hypervisor's, a changing clock, heat, power or a quota.
Noise = Literal["load", "steal", "clock", "throttled"]


class MemoryUse(RecordPart):
    """Memory over a span of time, in bytes."""

    of: Literal["process", "device"]
    """``process``: resident memory, Python and libraries included; ``device``: what torch has allocated on a GPU."""
    before: int
    """Bytes at the start."""
    peak: int
    """Most bytes there were."""


class Latency(RecordPart):
    """Times of the deployed model and of the dense one, measured in turn, at one batch size in one form."""

    batch_size: int
    """Images a call."""
    form: str
    """How both were run, see ``measure.forms``: ``eager``, ``channels_last+bf16``, ..."""
    calls: int
    """Calls of the compressed model a sample; a sample is their mean."""
    dense_calls: int | None = None
    """Calls of the dense model a sample; null in records of before they could differ."""
    milliseconds: list[float]
    """Raw samples of the compressed model in ms a batch, ``samples_per_round`` of them a round, round by round."""
    dense_milliseconds: list[float]
    """Raw samples of the dense model in ms a batch, of the same rounds."""
    samples_per_round: int = 1
    """2: on the way through the models and on the way back; 1 in records of before there was a way back."""
    median: float
    """Median over rounds of the compressed model's time, in ms a batch."""
    dense_median: float
    """Median over rounds of the dense model's time, in ms a batch."""
    median_interval: tuple[float, float] | None = None
    """Interval of ``median``, in ms a batch; null in records of before it was computed."""
    dense_median_interval: tuple[float, float] | None = None
    """Interval of ``dense_median``, in ms a batch; null in records of before it was computed."""
    quartiles: tuple[float, float]
    """25 % and 75 % quantile over rounds of the compressed model's time, in ms a batch."""
    dense_quartiles: tuple[float, float]
    """25 % and 75 % quantile over rounds of the dense model's time, in ms a batch."""
    ratio: float
    """Median over the rounds of the compressed model's time relative to the dense one's in the same round."""
    ratio_interval: tuple[float, float]
    """Interval of ``ratio``: of the sign test, or in records without ``ended`` by a bootstrap."""
    confidence: float = 0.95
    """Of the intervals, as a fraction."""
    ended: Literal["narrow", "time", "rounds"] | None = None
    """Why no more was sampled: the ratio's interval was ``narrow`` enough, the ``time`` was spent, or there were more
    ``rounds`` than anyone needs.
    """
    warm: bool | None = None
    """Whether running medians were stable when sampling began; null in records of before it was told."""
    threads: int
    """CPU threads of one operation."""
    device: str
    """``cpu``, or the GPU's name."""
    other_load: float | None
    """CPU cores that other processes kept busy meanwhile: of ``cores`` and those that share a physical core with them,
    in records of version 1 of the whole machine; null where the system does not say."""
    steal: float | None = None
    """Cores' worth of time, of the same cores, that a hypervisor gave to other machines; null where the system does not
    say."""
    mhz: tuple[float, float] | None = None
    """Lowest and highest clock of the CPU in MHz; null where it cannot be read."""
    throttled: int = 0
    """How many times heat, power or a quota held the CPU back."""
    noise: list[Noise] = Field(default_factory=list)
    """What spoils the times: other processes' ``load``, a hypervisor's ``steal``, a changing ``clock``, or being
    ``throttled``; empty if nothing does.
    """
    cores: tuple[int, ...] = ()
    """Logical cores that the threads were held to; empty where they were not."""
    forms: dict[str, str]
    """Form of each compressed layer, by path: the fastest at this batch size."""
    macs: int
    """Multiply-accumulates per image in these forms, by fvcore; the compact forms may need fewer."""
    folded: bool
    """Whether batch-norm could be folded into the compressed model's convolutions."""
    dense_folded: bool
    """Whether batch-norm could be folded into the dense model's convolutions."""
    memory: MemoryUse | None = None
    """What a call of the compressed model takes, run eagerly in float32 whatever the form is."""
    dense_memory: MemoryUse | None = None
    """What a call of the dense model takes, run likewise."""
