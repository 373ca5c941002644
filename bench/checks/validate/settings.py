"""What a record says of its trial and its method: what its key was made from, and of versions that there are."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from ....methods import list_methods, method_class
from ...records.migrations import migrated
from ...records.record import Record
from ...records.superseded import packaged_trials
from ...suite.trial import Trial
from .read import RecordLine
from .report import Finding


def check_settings(line: RecordLine) -> Iterator[str]:
    """Yield where a record's trial and method are not those of its fingerprint, or of versions that there are not."""
    yield from _trial(line)
    yield from _method(line.record)
    yield from _versions(line.record)


def check_metrics(lines: Iterable[RecordLine]) -> Iterator[Finding]:
    """Yield the records whose main metric has another unit or direction than in most records of the task."""
    seen: dict[tuple[str, str], list[tuple[RecordLine, tuple[str | None, bool | None]]]] = {}
    for line in lines:
        measured = line.record.measured
        if measured.metric is not None:
            told = measured.unit, measured.higher_is_better
            seen.setdefault((line.record.trial.task, measured.metric), []).append((line, told))
    for (task, metric), found in seen.items():
        ((common, _),) = Counter(told for _, told in found).most_common(1)
        for line, told in found:
            for name, value, others in zip(("unit", "higher_is_better"), told, common, strict=True):
                if value != others:
                    what = f"measured.{name} is {value}, in other records of {task} {metric} has {others}"
                    yield Finding(line.path, line.number, what)


def _trial(line: RecordLine) -> Iterator[str]:
    record = line.record
    try:
        told = _told_settings(line)
    except (AttributeError, KeyError, TypeError, ValidationError) as error:
        yield f"fingerprint.trial is not one: {type(error).__name__}"
        return
    yield from _differing(record.trial.outcome_settings(), told, "trial")


def _told_settings(line: RecordLine) -> dict[str, Any]:
    """Return the trial's settings by the fingerprint, which stays as it was written: in the present version, whole."""
    trial = line.record.trial.model_dump(mode="json")
    told = copy.deepcopy(line.record.fingerprint["trial"])
    told = migrated({"schema_version": line.written, "trial": told})["trial"]
    left_out = trial.keys() - line.record.trial.outcome_settings().keys()
    names = trial["method"].keys() - line.record.trial.outcome_settings()["method"].keys()
    method = {name: trial["method"][name] for name in names} | told["method"]
    whole = {name: trial[name] for name in left_out} | told | {"method": method}
    return Trial.model_validate(whole).outcome_settings()


def _differing(own: Any, told: Any, place: str) -> Iterator[str]:
    if isinstance(own, dict) and isinstance(told, dict):
        for name in sorted(own.keys() | told.keys()):
            yield from _differing(own.get(name), told.get(name), f"{place}.{name}")
    elif own != told:
        yield f"{place} is {own}, by the fingerprint {told}"


def _method(record: Record) -> Iterator[str]:
    method, told = record.method, record.fingerprint.get("method")
    if method.label != record.trial.method.row:
        yield f"method.label is {method.label}, by the trial {record.trial.method.row}"
    if record.trial.is_dense and method.kind != "none":
        yield f"method.kind is {method.kind}, of the dense model none"
    if told is None:  # it could not be made
        if method.version:
            yield f"method.version is {method.version}, but the fingerprint has no method"
        return
    if not isinstance(told, dict) or not isinstance(told.get("settings"), dict):
        yield "fingerprint.method is not one"
        return
    knob = record.measured.planned.knob if record.measured.planned else None
    moved = {knob.field} if knob else set()  # the budget sets it: it is not among the record's settings
    if record.measured.planned is None and record.trial.budget is not None:
        moved = told["settings"].keys() - method.settings.keys()
    settings = {name: value for name, value in told["settings"].items() if name not in moved}
    own = {"name": method.name, "version": method.version, "settings": method.settings}
    yield from _differing(own, told | {"settings": settings}, "method")


def _versions(record: Record) -> Iterator[str]:
    name, version = record.method.name, record.method.version
    if name in list_methods() and version > method_class(name).version:
        yield f"method.version is {version}, but {name} has version {method_class(name).version} here"
    suite, version = record.trial.suite, record.trial.suite_version
    known, _ = packaged_trials(suite)
    if 0 < known < version:
        yield f"trial.suite_version is {version}, but {suite} has version {known} here"
