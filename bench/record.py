"""Records: what one trial gave, as one immutable JSON document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .timing_record import Latency, MemoryUse, Part
from .trial import Trial

#: Raised when a field changes its meaning or goes; readers refuse newer records than they know.
SCHEMA_VERSION = 1

Status = Literal["ok", "skipped", "diverged", "oom", "timeout", "failed"]

#: With these a trial is done: running it again would give the same.
FINAL: frozenset[str] = frozenset({"ok", "skipped", "diverged"})

#: Metric values by name. A value that was not finite is stored as null.
Quality = dict[str, float | None]


class KnobRange(Part):
    """The setting that a budget moved: its name, and the values of least and of most cost that layers have.

    A budget is met by giving neighbouring values to different layers, so there are two values as a rule.
    """

    field: str
    low: Any
    high: Any


class Size(Part):
    """What a plan comes to, per image and without looking at any weight.

    Attributes
    ----------
    weights, dense_weights
        Elements of all conv weights in stored form.
    macs, dense_macs
        Multiply-accumulates of convs and linear layers.
    bits, dense_bits
        Stored bits of all conv weights.
    budget_ratio
        Share of the dense model's convs on the count the budget is set on; null without a budget.
    compressed_layers, layers
        How many convs are touched, and how many there are.
    note
        Why the size is not the one asked for.
    knob
        What the budget set the method's knob to; null without a budget.
    other_weights
        ``weights`` by further conventions of the method's paper, by name.
    """

    weights: int
    dense_weights: int
    macs: int
    dense_macs: int
    bits: int
    dense_bits: int
    budget_ratio: float | None
    compressed_layers: int
    layers: int
    note: str | None
    knob: KnobRange | None = None
    other_weights: dict[str, int] = Field(default_factory=dict)


class Counts(Part):
    """Sizes of one model, each convention under its own name.

    Attributes
    ----------
    conv_weights
        Elements of conv weights in stored form, a shared tensor once.
    conv_fc_weights
        The same plus the weights of linear layers.
    parameters
        All distinct parameters.
    state
        ``parameters`` plus the running mean and variance of batch-norms.
    effective
        ``state``, an element that is a value quantised to 8 bits or fewer counting 1/4 (yang2020); null in records
        of before it was counted.
    bits
        Stored bits of the conv weights, at their true width, and of what it takes to read them.
    disk
        Bytes of the saved safetensors file.
    macs
        Multiply-accumulates per image of convs and matrix products in the compact deployed form, by fvcore.
    macs_formula
        The same by the plan's formulas.
    macs_torch
        The same by torch's counter of floating-point operations, halved.
    macs_shared
        ``macs`` if convolutions of one input with the same kernel were done once (son2018, "theoretical"); null where
        the method shares no kernels.
    not_counted, not_counted_torch
        Operations that fvcore, and torch's counter, have no rule for, with how often they occur (element-wise work as
        a rule). The second is empty in records of before it was looked at.
    """

    conv_weights: int
    conv_fc_weights: int
    parameters: int
    state: int
    bits: int
    disk: int
    macs: int
    macs_formula: int
    macs_torch: int
    not_counted: dict[str, int]
    effective: float | None = None
    macs_shared: int | None = None
    not_counted_torch: dict[str, int] = Field(default_factory=dict)


class Training(Part):
    """How the model was trained: epochs, optimiser steps, seconds, and a line for each epoch.

    ``converged`` tells that it ended before the recipe did, as the method had reached what it trained for; ``compiled``
    that torch.compile was at work; ``notes`` what did not go as the recipe has it. The seconds of a training that was
    ended and went on are those of all its runs. ``memory`` is what it took on its device.
    """

    epochs: float
    steps: int
    seconds: float
    history: list[dict[str, Any]]
    converged: bool = False
    compiled: bool = False
    notes: list[str] = Field(default_factory=list)
    memory: MemoryUse | None = None


class StartingWeights(Part):
    """Where the weights come from that the trial starts with.

    Attributes
    ----------
    source
        ``random``: drawn by the seed; ``pretrained``: of a file or a library; ``baseline``: trained by the entry's
        baseline recipe, from random or pretrained ones.
    sha256
        Hash over the dense model's state.
    key, recipe, quality
        Of the baseline, where it is one: over all that made it, how it was trained, and how good it was then.
    """

    source: Literal["random", "pretrained", "baseline"]
    sha256: str
    key: str | None = None
    recipe: dict[str, Any] | None = None
    quality: Quality | None = None


class Decomposition(Part):
    """Quality just before and just after the weights were decomposed, at the begin or at the finish."""

    at: Literal["begin", "finish"]
    before: Quality
    after: Quality


class Failure(Part):
    """Why a trial is not ok.

    Attributes
    ----------
    type, message
        Of the exception, or of what ended the process.
    trace
        The end of the traceback.
    output
        The last lines the process printed.
    stage
        What it was doing.
    """

    type: str
    message: str
    trace: str = ""
    output: str = ""
    stage: str = ""


class MethodInfo(Part):
    """The method with all its settings, the defaults included.

    Under a budget the setting that the budget moves is not among them: see ``Size.knob``.
    """

    name: str
    label: str
    version: int
    kind: str
    paper: str
    summary: str
    settings: dict[str, Any]


class Measured(Part):
    """What the trial's process found out, as far as it came.

    Attributes
    ----------
    runtime
        Global settings in force: threads, precision of products, determinism.
    plan
        The plan as JSON: per layer the cost before and after, or why it was left alone; per group of layers the
        settings. The settings under ``method`` are those asked for, before a budget moved the knob.
    planned
        What the plan comes to.
    start
        The weights it starts from.
    metric, unit, higher_is_better
        The task's main metric.
    also_shown
        Units of the further metrics that tables show, by name.
    quality
        By moment: ``start`` (dense, before anything), ``begun`` (before training), ``trained``, ``finished``
        (compressed) and ``deployed``.
    compress_seconds
        Time of begin and finish together.
    latency_notes
        Why the model was not timed in a form or at a batch size that was asked for.
    peak_rss
        Largest resident memory of the process in bytes.
    state_sha256
        Hash over the finished model's state: equal for equal weights.
    """

    runtime: dict[str, Any] = Field(default_factory=dict)
    plan: dict[str, Any] | None = None
    planned: Size | None = None
    start: StartingWeights | None = None
    metric: str | None = None
    unit: str | None = None
    higher_is_better: bool | None = None
    also_shown: dict[str, str] = Field(default_factory=dict)
    quality: dict[str, Quality] = Field(default_factory=dict)
    decomposition: Decomposition | None = None
    training: Training | None = None
    begin_seconds: float | None = None
    finish_seconds: float | None = None
    compress_seconds: float | None = None
    counts: Counts | None = None
    dense_counts: Counts | None = None
    latency: list[Latency] = Field(default_factory=list)
    latency_notes: list[str] = Field(default_factory=list)
    state_sha256: str | None = None
    peak_rss: int | None = None


class Record(Part):
    """One line of a records file.

    Attributes
    ----------
    key
        Hash over everything in ``fingerprint``: equal keys, equal outcome.
    fingerprint
        What can change the outcome, by name: settings, sources, weights, data, versions.
    started
        UTC, ISO 8601.
    seconds
        Wall-clock time of the whole trial.
    stage_seconds
        Where it went, by stage.
    machine
        Id of the machine, described in ``results/machines``.
    revision
        Revision of the working tree the code came from, where there is one.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    name: str
    table: str
    status: Status
    failure: Failure | None = None
    trial: Trial
    method: MethodInfo
    measured: Measured
    fingerprint: dict[str, Any]
    started: str
    seconds: float
    stage_seconds: dict[str, float] = Field(default_factory=dict)
    machine: str
    software: dict[str, str]
    revision: str | None = None

    def line(self) -> str:
        """Return the record as one line of JSON, with the newline."""
        return self.model_dump_json() + "\n"
