"""The comparison of two sets of records, row by row, and what holds for all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...base.text import counted
from ...records.record import Record
from ..statistics import CONFIDENCE
from .counts import judge_counts
from .findings import RecordsComparison, RowComparison, RowFinding
from .latency import THRESHOLD, is_noisy, judge_latency
from .matching import MatchedRow, match_rows
from .quality import judge_quality, same_weights
from .sources import RecordSet
from .status import judge_settings, judge_status


@dataclass(frozen=True)
class Thresholds:
    """The differences that count, where the spread allows a verdict.

    Attributes
    ----------
    latency
        Relative difference of the time relative to dense.
    quality
        Where seeds give no spread, in the metric's unit; None for the unit's own (:func:`.judge_quality`).
    """

    latency: float = THRESHOLD
    quality: float | None = None


def compare(a: RecordSet, b: RecordSet, thresholds: Thresholds | None = None) -> RecordsComparison:
    """Compare two sets of records.

    Parameters
    ----------
    a, b
        The older and the newer.
    thresholds
        The differences that count.

    Raises
    ------
    BenchError
        A row cannot be matched: it is on no common machine, and on several of one set.
    """
    limits = thresholds or Thresholds()
    rows = [RowComparison(row, tuple(_findings(row, limits))) for row in match_rows(a.records, b.records)]
    return RecordsComparison(a.name, b.name, a.source, b.source, rows, list(_notes(rows)))


def _findings(row: MatchedRow, limits: Thresholds) -> Iterator[RowFinding]:
    yield from judge_status(row)
    yield from judge_settings(row)
    yield from judge_counts(row)
    yield from judge_quality(row, limits.quality)
    yield from judge_latency(row, limits.latency)


def _notes(rows: list[RowComparison]) -> Iterator[str]:
    """Yield what holds for the whole comparison."""
    pairs = [pair for row in rows for pair in row.row.pairs]
    yield from _lost_suites(rows)
    apart = [row for row in rows if row.row.a and row.row.b and row.row.machine_a != row.row.machine_b]
    if apart:
        machines = Counter((row.row.machine_a, row.row.machine_b) for row in apart)
        listed = ", ".join(f"{own} → {other}" for own, other in machines)
        yield (
            f"{counted(len(apart), 'row')} of different machines ({listed}): counts and quality are compared, "
            "latencies are not"
        )
    if changed := _changed_sources(pairs):
        revisions = Counter((a.provenance.revision or "unknown", b.provenance.revision or "unknown") for a, b in pairs)
        listed = ", ".join(f"{own} → {other}" for own, other in revisions)
        yield f"made by other code ({', '.join(changed)}): revision {listed}"
    if versions := _versions(pairs):
        yield f"made with other versions: {', '.join(versions)}"
    if noisy := sum(is_noisy(row.row) for row in rows):
        yield f"{counted(noisy, 'row')} with times taken on a busy machine in A or B: these count neither way"
    if tested := sum("interval" in finding.numbers for row in rows for finding in row.findings):
        yield (
            f"{counted(tested, 'difference')} of quality held against the spread of seeds at {100 * CONFIDENCE:.0f} %: "
            f"about {(1 - CONFIDENCE) * tested:.1f} would stand out by chance alone"
        )
    if unstable := [row.row for row in rows if _not_reproduced(row.row)]:
        yield (
            f"{counted(len(unstable), 'row')} with other weights though settings, source, versions and machine are the "
            f"same, such as {unstable[0].table}/{unstable[0].name}: these runs are not reproducible"
        )


def _lost_suites(rows: list[RowComparison]) -> Iterator[str]:
    """Yield a note on suites of which B has no records: all of their rows count as vanished."""
    kept = {row.row.suite for row in rows if row.row.b}
    lost = [suite for suite in dict.fromkeys(row.row.suite for row in rows) if suite not in kept]
    if lost and kept:
        yield f"B has nothing of {', '.join(lost)}, all rows of which count as vanished: --suite compares a suite alone"


def _versions(pairs: Iterable[tuple[Record, Record]]) -> list[str]:
    """Return the libraries that differ, as ``torch 2.14.0 → 2.15.0``, of those that both sets' records list."""
    changes: dict[str, None] = {}
    for a, b in pairs:
        own, other = a.provenance.libraries, b.provenance.libraries
        if own != other:
            for name in sorted(own.keys() & other.keys()):
                if own[name] != other[name]:
                    changes[f"{name} {own[name]} → {other[name]}"] = None
    return list(changes)


def _changed_sources(pairs: Iterable[tuple[Record, Record]]) -> list[str]:
    """Return the parts of the source that differ in any pair of records."""
    changed: set[str] = set()
    for a, b in pairs:
        own, other = a.provenance.sources, b.provenance.sources
        changed |= {name for name in own.keys() | other.keys() if own.get(name) != other.get(name)}
    return sorted(changed)


def _not_reproduced(row: MatchedRow) -> bool:
    """Tell whether runs on one CPU that should be equal to the last bit are not."""
    alike = all(
        a.key == b.key
        and a.status == b.status == "ok"
        and a.provenance.sources == b.provenance.sources
        and a.provenance.libraries == b.provenance.libraries
        for a, b in row.pairs
    )
    comparable = bool(row.pairs) and row.device == "cpu" and row.machine_a == row.machine_b
    known = all(a.measured.state_sha256 and b.measured.state_sha256 for a, b in row.pairs)
    return comparable and alike and known and row.a.keys() == row.b.keys() and not same_weights(row)
