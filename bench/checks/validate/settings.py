"""A record's trial and method, held against its identity and against the versions there are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ....methods import get_method, list_methods, method_class
from ...base.provenance.software import declared_version
from ...base.provenance.versions import method_versions
from ...records.asked import AskedTrial
from ...records.record import Record
from ...records.superseded import packaged_trials
from ...suite.trial import Trial
from .read import RecordLine
from .report import Finding


def check_settings(record: Record, path: Path) -> Iterator[str]:
    """Yield where a record's trial and method are not those of its identity, or of versions that there are not."""
    yield from _trial(record)
    yield from _method(record)
    yield from _versions(record)


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


def _trial(record: Record) -> Iterator[str]:
    """Yield where the identity is not that of the trial; a trial that today's suites cannot have is left alone."""
    try:
        asked = suite_trial(record.trial).asked()
    except ValueError:
        return
    asked["method"].pop("settings")  # the identity has none that are at their defaults
    told = json.loads(json.dumps(asked))
    yield from _differing(told, _common(record.identity, told), "trial")


def suite_trial(asked: AskedTrial) -> Trial:
    """Return a record's trial as today's suites have it.

    Raises
    ------
    pydantic.ValidationError
        They cannot have such a one any more.
    """
    document = asked.model_dump(mode="json")
    document["method"]["variant"] = ""  # what it stands for is written out beside it
    return Trial.model_validate(document)


def _common(identity: Any, asked: Any) -> Any:
    """Return the part of an identity that a trial's settings tell of."""
    if isinstance(identity, dict) and isinstance(asked, dict):
        return {name: _common(value, asked[name]) for name, value in identity.items() if name in asked}
    return identity


def _differing(own: Any, told: Any, place: str) -> Iterator[str]:
    if isinstance(own, dict) and isinstance(told, dict):
        for name in sorted(own.keys() | told.keys()):
            yield from _differing(own.get(name), told.get(name), f"{place}.{name}")
    elif own != told:
        yield f"{place} is {own}, by the identity {told}"


def _method(record: Record) -> Iterator[str]:
    method, told = record.method, record.identity.get("method")
    if method.label != record.trial.method.row:
        yield f"method.label is {method.label}, by the trial {record.trial.method.row}"
    if record.trial.is_dense and method.kind != "none":
        yield f"method.kind is {method.kind}, of the dense model none"
    if not isinstance(told, dict) or not isinstance(told.get("settings"), dict):
        yield "identity.method is not one"
        return
    version = told.get("version")
    if version is None and method.version:  # it could not be made
        yield f"method.version is {method.version}, but the identity has no version"
    elif isinstance(version, int) and version != method.version:
        yield f"method.version is {method.version}, by the identity {version}"
    whole = _all_settings(method.name, version, told["settings"])
    told_settings = {name: value for name, value in whole.items() if name in method.settings}  # a budget's knob is not
    own = {name: method.settings[name] for name in told_settings}
    yield from _differing(own, told_settings, "method.settings")


def _all_settings(name: str, version: Any, changed: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a method of which some are changed; without the method of that version only these."""
    if name not in list_methods() or declared_version(method_class(name)) != version:
        return changed
    return json.loads(json.dumps(get_method(name, **changed).settings()))


def _versions(record: Record) -> Iterator[str]:
    name, version = record.method.name, record.method.version
    if version > (here := method_versions().get(name, version)):
        yield f"method.version is {version}, but {name} has version {here} here"
    suite, version = record.trial.suite, record.trial.suite_version
    known, _ = packaged_trials(suite)
    if 0 < known < version:
        yield f"trial.suite_version is {version}, but {suite} has version {known} here"
