"""What a record says of time and memory."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .machine import NOTABLE_LOAD

#: What a machine does that spoils times: others' work, a hypervisor's, a changing clock, heat, power or a quota.
Noise = Literal["load", "steal", "clock", "throttled"]


class Part(BaseModel):
    """A part of a record. It does not change; fields that this version does not know are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class MemoryUse(Part):
    """Memory over a span of time, in bytes.

    Attributes
    ----------
    of
        ``process``: resident memory, Python and libraries included; ``device``: what torch has allocated on a GPU.
    before
        At the start.
    peak
        The most there was.
    """

    of: Literal["process", "device"]
    before: int
    peak: int


class Latency(Part):
    """Times of the deployed model and of the dense one, measured in turn, at one batch size in one form.

    Attributes
    ----------
    form
        How both were run, see ``measure.forms``: ``eager``, ``channels_last+bf16``, ...
    calls, dense_calls
        Calls a sample; a sample is their mean. The second is null in records of before they could differ.
    milliseconds, dense_milliseconds
        Raw samples in ms a batch, ``samples_per_round`` of them a round, round by round.
    samples_per_round
        2: on the way through the models and on the way back.
    median, dense_median
        In ms a batch, over rounds.
    median_interval, dense_median_interval
        Their intervals.
    quartiles, dense_quartiles
        25 % and 75 % quantile in ms a batch.
    ratio, ratio_interval
        Median over the rounds of the model's time relative to the dense one's, and its interval: of the sign test, or
        in records without ``ended`` by a bootstrap.
    confidence
        Of the intervals.
    ended
        Why no more was sampled: the ratio's interval was ``narrow`` enough, the ``time`` was spent, or there were more
        ``rounds`` than anyone needs.
    warm
        Whether running medians were stable when sampling began.
    other_load
        CPU cores that other processes kept busy meanwhile, of ``cores`` and those that share a physical core with them;
        null where the system does not say.
    steal
        The same cores' worth of time that a hypervisor gave to other machines.
    mhz
        Lowest and highest clock of the CPU, where it can be read.
    throttled
        Times that heat, power or a quota held the CPU back.
    noise
        Which of these spoil the times; empty if none does.
    cores
        Logical cores that the threads were held to.
    forms
        Form of each compressed layer, by path: the fastest at this batch size.
    macs
        Multiply-accumulates per image in these forms, by fvcore; the compact forms may need fewer.
    folded, dense_folded
        Whether batch-norm could be folded into the convolutions of either model.
    memory, dense_memory
        What a call takes, run eagerly in float32 whatever the form is.
    """

    batch_size: int
    form: str = "eager"
    calls: int
    dense_calls: int | None = None
    milliseconds: list[float]
    dense_milliseconds: list[float]
    samples_per_round: int = 1
    median: float
    dense_median: float
    median_interval: tuple[float, float] | None = None
    dense_median_interval: tuple[float, float] | None = None
    quartiles: tuple[float, float]
    dense_quartiles: tuple[float, float]
    ratio: float
    ratio_interval: tuple[float, float]
    confidence: float = 0.95
    ended: Literal["narrow", "time", "rounds"] | None = None
    warm: bool | None = None
    threads: int
    device: str
    other_load: float | None
    steal: float | None = None
    mhz: tuple[float, float] | None = None
    throttled: int = 0
    noise: list[Noise] = Field(default_factory=list)
    cores: tuple[int, ...] = ()
    forms: dict[str, str]
    macs: int
    folded: bool
    dense_folded: bool
    memory: MemoryUse | None = None
    dense_memory: MemoryUse | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_before_forms(cls, value: Any) -> Any:
        """Read records that say ``memory_format`` and leave noise to their reader."""
        if not isinstance(value, dict) or "memory_format" not in value:
            return value
        value = dict(value)
        if value.pop("memory_format") == "channels_last":
            value["form"] = "channels_last"
        if (value.get("other_load") or 0.0) > NOTABLE_LOAD:
            value["noise"] = ["load"]
        return value
