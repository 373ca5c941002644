"""The comparison of how trials ended, and of their settings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ...records.record import KnobRange, Record
from .findings import RowFinding, Verdict
from .matching import MatchedRow

T = TypeVar("T", bound=Hashable)

#: Parts of an identity that have hashes, with the words for them.
TOLD_BRIEFLY = {"data": "data revision", "weights": "starting weights"}
#: Characters of a hash that tell it from another.
HASH_LENGTH = 12


def judge_status(row: MatchedRow) -> Iterator[RowFinding]:
    """Yield a finding where the row's trials ended differently; a trial no longer ok, or missing, is a regression."""
    ended = ((seed, (_status(row.a.get(seed)), _status(row.b.get(seed)))) for seed in seeds_of(row))
    for (before, after), seeds in by_value(ended).items():
        if before != after:
            record = row.b.get(seeds[0])
            reason = _failure(record) if record else ""
            finding = RowFinding(
                "status", labelled("status", seeds, row), _verdict(before, after, row), before or "–", after or "–",
                reason if after else _absence(row), {"a": before, "b": after, "seeds": seeds},
            )  # fmt: skip
            yield finding


def judge_settings(row: MatchedRow) -> Iterator[RowFinding]:
    """Yield a finding for each setting, version or start that differs; none of them is better or worse."""
    found = ((a.trial.seed, change) for a, b in row.pairs for change in _setting_changes(a, b))
    for (what, before, after), seeds in by_value(found).items():
        yield RowFinding(
            "setting",
            labelled(what, seeds, row),
            "changed",
            before,
            after,
            "",
            {"a": before, "b": after, "seeds": seeds},
        )


def seeds_of(row: MatchedRow) -> list[int]:
    """Return the seeds that either set has, in ascending order."""
    return sorted({*row.a, *row.b})


def by_value(values: Iterable[tuple[int, T]]) -> dict[T, list[int]]:
    """Return the seeds that have each value."""
    alike: dict[T, list[int]] = {}
    for seed, value in values:
        alike.setdefault(value, []).append(seed)
    return alike


def labelled(what: str, seeds: list[int], row: MatchedRow) -> str:
    """Return ``what``, with the seeds it holds for where the row has others, too."""
    if seeds == seeds_of(row):
        return what
    return f"{what}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _status(record: Record | None) -> str | None:
    return record.status if record else None


def _verdict(before: str | None, after: str | None, row: MatchedRow) -> Verdict:
    if before == "ok":
        return "changed" if row.elsewhere else "regression"
    return "improvement" if after == "ok" and before is not None else "changed"


def _absence(row: MatchedRow) -> str:
    if row.elsewhere:
        return f"B has it on another machine than {row.machine_a}"
    return "B has no such record"


def _failure(record: Record) -> str:
    if record.failure is None:
        return ""
    message = " ".join(record.failure.message.split())
    short = message if len(message) <= 300 else message[:297] + "..."
    return f"while {record.failure.stage}: {record.failure.type}: {short}"


def _setting_changes(a: Record, b: Record) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each setting that differs, with its text in either record."""
    own, other = (_asked(record) for record in (a, b))
    yield from _differing(own, other, "")
    if a.trial.suite_version != b.trial.suite_version:
        yield "suite version", str(a.trial.suite_version), str(b.trial.suite_version)
    if a.method.version != b.method.version:
        yield "method version", str(a.method.version), str(b.method.version)
    # A setting that a method gained or lost came with another source and is no choice of the user's.
    both = a.method.settings.keys() & b.method.settings.keys()
    own, other = ({name: record.method.settings[name] for name in sorted(both)} for record in (a, b))
    yield from _differing(own, other, "")
    yield from _plan_changes(a, b)
    for name, words in TOLD_BRIEFLY.items():
        before, after = a.identity.get(name, {}), b.identity.get(name, {})
        yield from ((words, one[:HASH_LENGTH], other[:HASH_LENGTH]) for _, one, other in _differing(before, after, ""))


def _asked(record: Record) -> dict[str, Any]:
    """Return what was asked for, without what is told in other words."""
    method = {
        name: value for name, value in record.identity.get("method", {}).items() if name not in ("version", "settings")
    }
    return {name: value for name, value in record.identity.items() if name not in TOLD_BRIEFLY} | {"method": method}


def _plan_changes(a: Record, b: Record) -> Iterator[tuple[str, str, str]]:
    own, other = a.measured.planned, b.measured.planned
    if own is None or other is None:
        return
    if own.knob != other.knob:
        short, exact = ([_knob(size.knob, spec) for size in (own, other)] for spec in (".3g", ""))
        before, after = short if short[0] != short[1] else exact
        yield "knob, set by the budget", before, after
    before, after = ((size.compressed_layers, size.layers) for size in (own, other))
    if before != after:
        yield "compressed layers", "{} of {}".format(*before), "{} of {}".format(*after)


def _knob(knob: KnobRange | None, spec: str) -> str:
    """Return ``rank 0.21–0.25``; ``spec`` is the format of a number that is no integer."""
    if knob is None:
        return "–"
    low, high = (format(value, spec) if isinstance(value, float) else str(value) for value in (knob.low, knob.high))
    return f"{knob.field} {low}" + (f"–{high}" if high != low else "")


def _differing(own: Any, other: Any, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield the leaves in which two values of JSON differ, by path."""
    if isinstance(own, Mapping) and isinstance(other, Mapping):
        for key in [*own, *(key for key in other if key not in own)]:
            yield from _differing(own.get(key), other.get(key), f"{name}.{key}" if name else str(key))
    elif own != other:
        yield name, _text(own), _text(other)


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
