"""The trial record: what one trial gave, as one immutable JSON document.

Every field is documented below it; ``tools/schema.py`` makes ``docs/records.md`` and the JSON Schema from that.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ...common.shares import small_part
from ..base.model import RecordPart, Score
from .asked import AskedTrial
from .checksum import sealed
from .migrations import SCHEMA_MINOR, SCHEMA_VERSION
from .timing import Latency, MemoryUse

Status = Literal["ok", "skipped", "diverged", "oom", "timeout", "failed"]

#: With these a trial is done: running it again would give the same.
FINAL: frozenset[str] = frozenset({"ok", "skipped", "diverged"})

#: Metric values by name. A value that was not a number is null; so is an infinite one, unless none is better: that of a
#: perfect image's PSNR is the text "Infinity", as JSON has no such number.
Quality = dict[str, Score | None]


class KnobRange(RecordPart):
    """The setting that a budget moved.

    A budget is met by giving neighbouring values to different layers, so there are two values as a rule.
    """

    field: str
    """Name of the method's setting."""
    low: Any
    """The value of least cost that a layer has."""
    high: Any
    """The value of most cost that a layer has."""


class Size(RecordPart):
    """What a plan comes to, per image and without looking at any weight.

    What is said of convs is said of convs and linear layers where the trial's ``layers`` is ``conv+linear``.
    """

    weights: int
    """Elements of all conv weights of the compressed model in stored form."""
    dense_weights: int
    """Elements of all conv weights of the dense model."""
    macs: int
    """Multiply-accumulates of the compressed model's convs and all other matrix products."""
    dense_macs: int
    """Multiply-accumulates of the dense model's convs and all other matrix products."""
    bits: int
    """Stored bits of the compressed model's conv weights."""
    dense_bits: int
    """Stored bits of the dense model's conv weights."""
    budget_ratio: float | None
    """Share of the dense model's convs on the count the budget is set on, 0 to 1; null without a budget."""
    compressed_layers: int
    """How many convs are replaced."""
    layers: int
    """How many convs there are."""
    note: str | None
    """Why the size is not the one asked for; null where it is."""
    knob: KnobRange | None = None
    """What the budget set the method's knob to; null without a budget."""
    other_weights: dict[str, int] = Field(default_factory=dict)
    """``weights`` by further conventions of the method's paper, by name."""
    linear_weights: int | None = None
    """Elements of all linear weights of the compressed model in stored form, counted in ``weights`` or not; null in
    records of before it was counted.
    """
    dense_linear_weights: int | None = None
    """Elements of all linear weights of the dense model."""
    dense_parameters: int | None = None
    """Elements of all parameters of the dense model."""

    def small_part(self) -> str | None:
        """Say how small a part of the model its convolutions are; None where they are not, or that is not known.

        The trial's ``layers`` is ``conv``.
        """
        if self.dense_linear_weights is None or not self.dense_parameters:
            return None
        return small_part(self.dense_weights, self.dense_linear_weights, self.dense_parameters)


class Counts(RecordPart):
    """Sizes of one model, each convention under its own name."""

    conv_weights: int
    """Elements of conv weights in stored form, a shared tensor once."""
    conv_fc_weights: int
    """``conv_weights`` plus the elements of the weights of linear layers in stored form; attention's projections are
    linear layers, whichever module holds them.
    """
    parameters: int
    """Elements of all distinct parameters."""
    state: int
    """``parameters`` plus the elements of the running mean and variance of batch-norms."""
    bits: int
    """Stored bits of the conv weights, at their true width, and of what it takes to read them."""
    disk: int
    """Bytes of the saved safetensors file."""
    macs: int
    """Multiply-accumulates per image of convs and matrix products in the compact deployed form, by fvcore."""
    macs_formula: int
    """``macs`` by the plan's formulas."""
    macs_torch: int
    """``macs`` by torch's counter of floating-point operations, halved."""
    not_counted: dict[str, int]
    """Operations that fvcore has no rule for, with how often they occur (element-wise work as a rule)."""
    effective: float | None = None
    """``state``, an element that is a value quantised to 8 bits or fewer counting 1/4 (yang2020); null in records
    of before it was counted.
    """
    conv_fc_bits: int | None = None
    """Stored bits of the conv and linear weights, as ``bits`` of the conv weights; null in records of before it was
    counted.
    """
    macs_shared: int | None = None
    """``macs`` if convolutions of one input with the same kernel were done once (son2018, "theoretical"); null where
    the method shares no kernels.
    """
    not_counted_torch: dict[str, int] = Field(default_factory=dict)
    """Operations that torch's counter has no rule for, with how often they occur; empty in records of before it was
    looked at.
    """
    unused: list[str] = Field(default_factory=list)
    """Names of parameters that took part in nothing that depends on the input, such as a head for training only;
    empty in records of before it was looked at.
    """


class Moment(RecordPart):
    """How a method's training stood after a step."""

    step: int
    """Optimiser steps that were made."""
    epoch: float
    """Passes over the training data that were made."""
    layers: dict[str, dict[str, list[float]]]
    """By layer path named numbers, one for each block of each unfolding as a rule: ``strength`` of the penalty,
    ``violation`` (squared distance from the nearest weight of the rank), ``ranks`` in and out that training chose.
    """


class Spectrum(RecordPart):
    """Singular values of one unfolding of one layer's weight, before training and after it, not decomposed yet."""

    layer: str
    """Path of the layer."""
    unfolding: str
    """``out`` along the output channels, ``in`` along the input channels."""
    rank: int | None
    """Rank that the unfolding was to get; null where training chose it."""
    places: list[int]
    """Which of the values are kept, 1 being the largest: all, or 64 evenly spread."""
    before: list[float]
    """The values at these places before training."""
    after: list[float]
    """The values at these places after training."""


class Training(RecordPart):
    """How the model was trained."""

    epochs: float
    """Passes over the training data that were made."""
    steps: int
    """Optimiser steps that were made."""
    seconds: float
    """Seconds of training; of one that was ended and went on, those of all its runs."""
    history: list[dict[str, Any]]
    """A line for each epoch: mean loss and penalty, last learning rate, seconds; with ``curves`` in ``measure`` also
    ``train_<metric>`` and ``test_<metric>``.
    """
    converged: bool = False
    """Whether it ended before the recipe did, as the method had reached what it trained for."""
    compiled: bool = False
    """Whether torch.compile was at work."""
    notes: list[str] = Field(default_factory=list)
    """What did not go as the recipe has it."""
    memory: MemoryUse | None = None
    """What training took on its device; null in records of before it was measured."""
    monitor: list[Moment] = Field(default_factory=list)
    """How a penalty went, at up to 40 moments: ends of epochs, or evenly within them where they are few. Empty for
    methods without one, and in records of before it was kept.
    """
    spectra: list[Spectrum] = Field(default_factory=list)
    """What a method lowers the rank of by training. Empty for other methods, and in records of before it was kept."""


class StartingWeights(RecordPart):
    """Where the weights come from that the trial starts with."""

    source: Literal["random", "pretrained", "baseline"]
    """``random``: drawn by the seed; ``pretrained``: of a file or a library; ``baseline``: trained by the entry's
    baseline recipe, from random or pretrained ones.
    """
    sha256: str
    """Hash over the dense model's state."""
    key: str | None = None
    """Of a baseline: hash over all that made it."""
    recipe: dict[str, Any] | None = None
    """Of a baseline: how it was trained."""
    quality: Quality | None = None
    """Of a baseline: metric values when it had been trained, each in its unit."""


class Decomposition(RecordPart):
    """What decomposing the weights alone did to the quality."""

    at: Literal["begin", "finish"]
    """Whether the weights are decomposed before training or after it."""
    before: Quality
    """Metric values just before, each in its unit."""
    after: Quality
    """Metric values just after, each in its unit."""


class Failure(RecordPart):
    """Why a trial is not ok."""

    type: str
    """Of the exception, or of what ended the process."""
    message: str
    """Of the exception, or what a person should know of the end."""
    trace: str = ""
    """The end of the traceback."""
    output: str = ""
    """The last lines the process printed."""
    stage: str = ""
    """What it was doing."""


class MethodInfo(RecordPart):
    """The method with all its settings."""

    name: str
    """Registered name."""
    label: str
    """Name of the row in tables."""
    version: int
    """Raised with the method's results: records of lower versions are superseded. 0 where the method could not be
    made.
    """
    kind: str
    """``weight-space``, ``architectural``, ...; ``none`` for the dense model."""
    paper: str
    """Where the method was published."""
    summary: str
    """What the method does, in a line."""
    settings: dict[str, Any]
    """All settings, the defaults included. Under a budget the setting that the budget moves is not among them: see
    ``Size.knob``.
    """


class Measured(RecordPart):
    """What the trial's process found out, as far as it came."""

    runtime: dict[str, Any] = Field(default_factory=dict)
    """Global settings in force: threads, precision of products, determinism."""
    plan: dict[str, Any] | None = None
    """The plan as JSON: per layer the cost before and after, or why it was left alone; per group of layers the
    settings. The settings under ``method`` are those asked for, before a budget moved the knob.
    """
    planned: Size | None = None
    """What the plan comes to."""
    start: StartingWeights | None = None
    """The weights it starts from."""
    metric: str | None = None
    """Name of the task's main metric."""
    unit: str | None = None
    """Unit of the main metric: ``%``, ``dB``, ..."""
    higher_is_better: bool | None = None
    """Whether more of the main metric is better."""
    also_shown: dict[str, str] = Field(default_factory=dict)
    """Units of the further metrics that tables show, by name."""
    quality: dict[str, Quality] = Field(default_factory=dict)
    """Metric values, each in its unit, by moment: ``start`` (dense, before anything), ``begun`` (before training),
    ``trained``, ``finished`` (compressed) and ``deployed``. Null where a value was no number, ``"Infinity"`` where it
    was infinite and none is better.
    """
    decomposition: Decomposition | None = None
    """What decomposing alone did; null for the dense model."""
    training: Training | None = None
    """How it was trained."""
    begin_seconds: float | None = None
    """Seconds that replacing the layers before training took."""
    finish_seconds: float | None = None
    """Seconds that making the final layers after training took."""
    compress_seconds: float | None = None
    """Seconds of begin and finish together."""
    counts: Counts | None = None
    """Sizes of the finished model."""
    dense_counts: Counts | None = None
    """Sizes of the dense model, counted in the same way."""
    latency: list[Latency] = Field(default_factory=list)
    """Times of the deployed models, one item for each batch size in each form."""
    latency_notes: list[str] = Field(default_factory=list)
    """Why the model was not timed in a form or at a batch size that was asked for."""
    state_sha256: str | None = None
    """Hash over the finished model's state: equal for equal weights."""
    peak_rss: int | None = None
    """Largest resident memory of the process in bytes."""


class Provenance(RecordPart):
    """Libraries, source, threads and processor that a record was made with."""

    libraries: dict[str, str] = Field(default_factory=dict)
    """Versions of Python and of the libraries that matter, by name."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Digests of the source, by part: each protocol, ``task:NAME``, ``method:NAME``. In records of before version 3 one
    digest of all, under ``all``.
    """
    revision: str | None = None
    """Revision of the working tree the code came from; null where there is none."""
    threads: int | None = None
    """CPU threads of one operation in training."""
    processor: str | None = None
    """``cpu``, or the GPU's name."""


class Record(RecordPart):
    """One line of a records file. After these members comes the line's ``checksum``."""

    schema_version: int = SCHEMA_VERSION
    """Version of this description that the record follows: raised when a field changes its meaning or goes."""
    schema_minor: int = SCHEMA_MINOR
    """Raised when a field is added: an older program keeps it without knowing it."""
    key: str
    """SHA-256 of the canonical JSON of ``identity``: equal keys, the same trial."""
    name: str
    """Name that is unique in the suite: ``model/data/method/budget/seed``."""
    table: str
    """Name of the table it belongs to: ``model/data``."""
    status: Status
    """How the trial ended. After ``oom``, ``timeout`` and ``failed`` a run tries it again."""
    failure: Failure | None = None
    """Why it is not ok; null where it is."""
    trial: AskedTrial
    """What was run."""
    method: MethodInfo
    """The method at work."""
    measured: Measured
    """What was found out."""
    identity: dict[str, Any]
    """What was asked for, settings at their defaults left out: the suite's entry, model, starting weights, data with
    its revision, task and method with their declared versions, budget, recipe, seed, measuring, kind of device,
    versions of the protocols.
    """
    provenance: Provenance
    """With what the record was made: never by itself a reason to run a trial again."""
    started: str
    """When the trial began: UTC, ISO 8601."""
    seconds: float
    """Wall-clock seconds of the whole trial."""
    stage_seconds: dict[str, float] = Field(default_factory=dict)
    """Where the seconds went, by stage."""
    machine: str
    """Id of the machine, described in ``results/machines``."""

    def line(self) -> str:
        """Return the record as one line of JSON with its checksum, and the newline."""
        return sealed(self.model_dump_json()) + "\n"
