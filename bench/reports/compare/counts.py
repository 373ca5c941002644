"""The comparison of counts, which are exact: every change is a finding, and more is worse."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...records.record import Counts, Record
from .findings import RowFinding, Verdict
from .matching import MatchedRow
from .status import by_value, labelled

Number = int | float

#: Every count of a model; operations that could not be counted have findings of their own.
NAMES = tuple(name for name in Counts.model_fields if not name.startswith(("not_counted", "unused")))


def judge_counts(row: MatchedRow) -> Iterator[RowFinding]:
    """Yield a finding for each count that both sets have, and for each that B lacks though its trial is ok.

    A count that A lacks is left out: A's records are older than the count.
    """
    for name in [*NAMES, *_other_weights(row)]:
        count = partial(_count, name=name)
        values = by_value((a.trial.seed, (count(a), count(b), b.status)) for a, b in row.pairs)
        for (before, after, status), seeds in values.items():
            if before is not None and (after is not None or status == "ok"):
                yield _finding(labelled(name, seeds, row), before, after, seeds)
    yield from _not_counted(row)


def _finding(what: str, before: Number, after: Number | None, seeds: list[int]) -> RowFinding:
    numbers = {"a": before, "b": after, "seeds": seeds}
    if after is None:
        return RowFinding("count", what, "changed", f"{before:,}", "–", "not counted in B", numbers)
    verdict: Verdict = "same" if after == before else "regression" if after > before else "improvement"
    return RowFinding("count", what, verdict, f"{before:,}", f"{after:,}", _difference(before, after), numbers)


def _difference(before: Number, after: Number) -> str:
    """Return ``+96 (+0.4 %)``; the percentage only where it does not round to nothing."""
    if after == before:
        return ""
    percent = 100 * (after / before - 1) if before else 0.0
    return f"{after - before:+,}" + (f" ({percent:+.1f} %)" if abs(percent) >= 0.05 else "")


def _count(record: Record, *, name: str) -> Number | None:
    if name in NAMES:
        return getattr(record.measured.counts, name, None)
    planned = record.measured.planned
    return planned.other_weights.get(name) if planned else None


def _other_weights(row: MatchedRow) -> list[str]:
    """Return the names of further conventions of counting weights that the row's methods have."""
    planned = (record.measured.planned for record in row.a.values())
    return list(dict.fromkeys(name for size in planned if size for name in size.other_weights))


def _not_counted(row: MatchedRow) -> Iterator[RowFinding]:
    """Yield how often operations that no counter has a rule for occur, where that changed."""
    changes = (
        (a.trial.seed, (name, before.not_counted.get(name, 0), after.not_counted.get(name, 0)))
        for a, b in row.pairs
        if (before := a.measured.counts) and (after := b.measured.counts)
        for name in sorted({*before.not_counted, *after.not_counted})
    )
    for (name, before, after), seeds in by_value(changes).items():
        if before != after:
            what = labelled(f"not counted in MACs: {name}", seeds, row)
            numbers = {"a": before, "b": after, "seeds": seeds}
            yield RowFinding("count", what, "changed", f"{before:,}", f"{after:,}", "", numbers)
