"""Values that cannot be: negative counts, qualities out of range, ratios outside their interval, runs in the future."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from ...records.record import FINAL, Counts, Latency, Record
from ...records.timing import MemoryUse

#: How far a machine's clock may be ahead.
CLOCKS_DIFFER = timedelta(minutes=10)
#: Rounding of sums and quotients of floats, relative.
ROUNDING = 1e-9


def check_values(record: Record, path: Path) -> Iterator[str]:
    """Yield the values of a record that cannot be."""
    measured = record.measured
    for name in ("planned", "counts", "dense_counts", "training"):
        if (part := getattr(measured, name)) is not None:
            yield from _negative(part, f"measured.{name}")
    yield from _negative(measured, "measured")
    yield from _negative(record, "record")
    yield from _status(record)
    yield from _start(record.started)
    yield from _qualities(record)
    yield from _budget(record)
    yield from _training(record)
    yield from _disk(record)
    timed = Counter((latency.batch_size, latency.form) for latency in measured.latency)
    yield from (f"measured.latency has batch_size {b}, form {f}, {n} times" for (b, f), n in timed.items() if n > 1)
    for number, latency in enumerate(measured.latency):
        yield from (f"measured.latency.{number}: {what}" for what in _latency(record, latency))


def _negative(part: BaseModel, place: str) -> Iterator[str]:
    """Yield the numbers directly in a part of a record that are negative or not finite: all are sizes or times."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value < math.inf:
            yield f"{place}.{name} is {value}"


def _status(record: Record) -> Iterator[str]:
    measured = record.measured
    if record.status != "ok":
        if record.failure is None:
            yield f"status is {record.status}, but there is no failure"
        if record.status in FINAL and _has_quality(record):
            yield f"status is {record.status}, but the finished model has a quality"
        return
    if record.failure is not None:
        yield "status is ok, but there is a failure"
    for name in ("plan", "planned", "counts", "dense_counts"):
        if getattr(measured, name) is None:
            yield f"status is ok, but there is no measured.{name}"
    if measured.metric is not None and measured.quality.get("finished", {}).get(measured.metric) is None:
        yield f"status is ok, but the finished model has no {measured.metric}"
    if measured.counts is None or measured.planned is None or measured.dense_counts is None:
        return
    weights = "conv_fc_weights" if record.trial.layers == "conv+linear" else "conv_weights"
    own, dense = getattr(measured.counts, weights), getattr(measured.dense_counts, weights)
    if own > measured.planned.weights:
        yield f"the compressed model has {own:,} {weights}, more than its plan's {measured.planned.weights:,}"
    if record.trial.is_dense and own != dense:
        yield f"the dense model's counts.{weights} differ from dense_counts"


def _has_quality(record: Record) -> bool:
    """Tell whether a model was finished, and not found to have diverged when it was deployed."""
    metric, quality = record.measured.metric or "", record.measured.quality
    deployed = quality.get("deployed", {metric: 0.0}).get(metric)
    return quality.get("finished", {}).get(metric) is not None and deployed is not None


def _training(record: Record) -> Iterator[str]:
    training, recipe = record.measured.training, record.trial.recipe
    epochs, cycles = recipe.get("epochs"), recipe.get("cycles", 1)
    if training is None or epochs is None or cycles == "method":  # as often as in the method's paper
        return
    total = epochs * cycles
    step = training.epochs / training.steps if training.steps else 0.0  # the last may lie beyond
    if training.epochs > (total + step) * (1 + ROUNDING):
        yield f"measured.training.epochs is {training.epochs:g}, more than the recipe's {total:g}"


def _disk(record: Record) -> Iterator[str]:
    for name in ("counts", "dense_counts"):
        counts: Counts | None = getattr(record.measured, name)
        if counts is not None and 8 * counts.disk < counts.bits:
            yield f"measured.{name}.disk is {counts.disk} bytes, too few for its {counts.bits} bits"


def _start(started: str) -> Iterator[str]:
    try:
        start = datetime.fromisoformat(started)
    except ValueError:
        yield f"started is {started!r}, not ISO 8601"
        return
    if start.tzinfo is None:
        yield f"started is {started}, without a time zone"
    elif start > datetime.now(UTC) + CLOCKS_DIFFER:
        yield f"started in the future: {started}"


def _qualities(record: Record) -> Iterator[str]:
    measured = record.measured
    units = measured.also_shown | ({measured.metric: measured.unit} if measured.metric and measured.unit else {})
    for moment, values in measured.quality.items():
        for name, value in values.items():
            place = f"measured.quality.{moment}.{name}"
            if value is not None and not math.isfinite(value) and not _is_perfect(value, name, record):
                yield f"{place} is {value}: what is not finite is null, unless none is better"
            elif value is not None and units.get(name) == "%" and not 0 <= value <= 100:
                yield f"{place} is {value} %"
    if (halves := measured.decomposition) is not None:
        before, after = ("start", "begun") if halves.at == "begin" else ("trained", "finished")
        for half, moment in (("before", before), ("after", after)):
            if getattr(halves, half) != measured.quality.get(moment):
                yield f"measured.decomposition.{half} is not measured.quality.{moment}"


def _is_perfect(value: float, name: str, record: Record) -> bool:
    """Tell whether a value is infinitely good, as far as the record tells of its metric which direction that is."""
    measured = record.measured
    shown = name == measured.metric or name in measured.also_shown
    return math.isinf(value) and (not shown or (value > 0) == (measured.higher_is_better is not False))


def _budget(record: Record) -> Iterator[str]:
    planned, budget = record.measured.planned, record.trial.budget
    if planned is None:
        return
    if budget is None:
        yield from (
            f"measured.planned.{name} without a budget" for name in ("knob", "budget_ratio") if getattr(planned, name)
        )
        return
    ((count, wanted),) = budget.as_dict().items()
    if planned.budget_ratio is None:
        yield "a budget, but no measured.planned.budget_ratio"
    elif planned.budget_ratio > wanted * (1 + ROUNDING) and planned.note is None:
        reached, asked = f"{100 * planned.budget_ratio:.2f} %", f"{100 * wanted:g} %"
        yield f"has {reached} of the dense {count}, more than the budget's {asked}, and no note why"
    if planned.knob is not None and planned.knob.field in record.method.settings:
        yield f"the budget moves {planned.knob.field}, but method.settings has it, too"


def _latency(record: Record, latency: Latency) -> Iterator[str]:
    measure = record.trial.measure
    if latency.batch_size not in measure.get("batch_sizes", ()):
        yield f"batch_size {latency.batch_size} was not asked for"
    if latency.form not in measure.get("forms", ()):
        yield f"form {latency.form} was not asked for"
    yield from _negative(latency, "latency")
    for prefix in ("", "dense_"):
        samples = getattr(latency, f"{prefix}milliseconds")
        wrong = [value for value in samples if not 0 < value < math.inf]
        if wrong or not samples:
            yield f"{prefix}milliseconds has {wrong[0] if wrong else 'no samples'}"
            continue
        median = getattr(latency, f"{prefix}median")
        if not min(samples) * (1 - ROUNDING) <= median <= max(samples) * (1 + ROUNDING):
            yield f"{prefix}median {median} is outside its samples, {min(samples)} to {max(samples)}"
    low, high = latency.ratio_interval
    if not low <= latency.ratio <= high:
        yield f"ratio {latency.ratio} is outside its interval, {low} to {high}"
    if not 0 < latency.confidence < 1:
        yield f"confidence is {latency.confidence}"
    for name in ("memory", "dense_memory"):
        use: MemoryUse | None = getattr(latency, name)
        if use is not None and not 0 <= use.before <= use.peak:
            yield f"{name} goes from {use.before} bytes to a peak of {use.peak}"
