"""Sizes and operations computed again: every trial is planned anew from its settings, as ``decompbench plan`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from ....methods import MethodError, list_methods, method_class
from ...base.errors import BenchError
from ...base.process import run_in_process
from ...planning.choice import choose_method
from ...planning.forecast import Planned
from ...records.record import Record, Size
from ...suite.schema import MethodChoice
from .read import RecordLine
from .report import Finding, ValidationReport
from .settings import suite_trial

#: What a plan from the settings alone must come to again.
SIZES = (
    "weights", "dense_weights", "macs", "dense_macs", "bits", "dense_bits", "layers", "compressed_layers",
    "other_weights",
)  # fmt: skip


def plan_again(lines: Sequence[RecordLine], report: ValidationReport) -> None:
    """Add to a report the records whose plan is not that of their settings, and those that cannot be planned here."""
    skipped: Counter[str] = Counter()
    todo: list[RecordLine] = []
    for line in lines:
        why = _why_not(line.record)
        if why is None:
            todo.append(line)
        else:
            skipped[why] += 1
    for line, planned in zip(todo, _planned([line.record for line in todo]), strict=True):
        size, kind = line.record.measured.planned, line.record.method.kind
        if planned.method.version and planned.method.kind != kind:  # 0: it could not be made here
            what = f"method.kind is {kind}, by its settings {planned.method.kind}"
            report.findings.append(Finding(line.path, line.number, what))
        if planned.size is None or size is None:
            skipped[planned.problem or "there is no plan"] += 1
            continue
        report.planned_again += 1
        report.findings += [Finding(line.path, line.number, what) for what in _differences(size, planned.size)]
    report.not_planned = dict(skipped)


def _why_not(record: Record) -> str | None:
    """Return why a record cannot be planned again by what is at hand, None where it can."""
    if record.measured.planned is None:
        return f"no plan was made ({record.status})"
    try:
        trial = suite_trial(record.trial)
    except ValidationError as error:
        first = error.errors()[0]
        return f"suites have no such trial any more: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    for name in sorted(trial.method.names):
        if name not in list_methods():
            return f"method {name} is not at hand: install the package that has it"
    now = method_class(record.method.name).version
    if record.method.version != now:
        return f"method {record.method.name} has version {now} here, not {record.method.version}"
    if _sizes_from_training(trial.method):
        return f"training chooses the sizes of {record.method.label}"
    return None


def _sizes_from_training(choice: MethodChoice) -> bool:
    try:
        return choose_method(choice).sizes_from_training
    except MethodError:  # planning it will tell
        return False


def _planned(records: Sequence[Record]) -> list[Planned]:
    """Return what each trial's plan comes to here, made in a process of its own."""
    planned: list[Planned] = []
    trials = [suite_trial(record.trial) for record in records]
    if trials:
        outcome = run_in_process(".planning.preview:preview_settings", (trials,), lambda _, one: planned.append(one))
        if outcome.how != "ok":
            raise BenchError(f"planning {trials[len(planned)].name} again failed: {outcome.type}: {outcome.message}")
    return planned


def _differences(stored: Size, again: Size) -> Iterator[str]:
    for name in SIZES:
        one, other = getattr(stored, name), getattr(again, name)
        if one != other:
            yield f"measured.planned.{name} is {one}, planned again from the settings {other}"
    one, other = (_knob(size) for size in (stored, again))
    if one != other:
        yield f"measured.planned.knob is {one}, planned again from the settings {other}"


def _knob(size: Size) -> str:
    """Return a knob's field and range, without the digits in which machines may differ."""
    if size.knob is None:
        return "none"
    low, high = (f"{v:.6g}" if isinstance(v, float) else str(v) for v in (size.knob.low, size.knob.high))
    return f"{size.knob.field} {low} to {high}"
