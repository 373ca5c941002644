"""The tables of a comparison, a list of them for each section."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..text.table import TextColumn, TextTable
from .findings import RecordsComparison, RowComparison, RowFinding, Verdict
from .matching import MatchedRow

HEADINGS = ("method", "what", "A", "B", "change")
SAME_HEADINGS = ("method", "conv weights", "quality", "time / dense")
SECTIONS: tuple[tuple[Verdict, str], ...] = (
    ("regression", "Regressions"),
    ("improvement", "Improvements"),
    ("changed", "Other changes"),
)

Cells = tuple[str, ...]


def legend(comparison: RecordsComparison) -> list[str]:
    """Return the rules by which the findings that there are were judged."""
    findings = [finding for verdict, _ in SECTIONS for _, finding in comparison.of(verdict)]
    rules = {
        "interval": "quality [low, high]: 95 % interval of the difference of means over the seeds, by Welch's t.",
        "threshold": "spread unknown: without several seeds in both, chance may have made the difference.",
    }
    told = [rule for name, rule in rules.items() if any(name in finding.numbers for finding in findings)]
    if any(finding.kind == "latency" for finding in findings):
        told.append("time / dense: ratio to the dense model timed in turn, with the interval that the record has.")
    return told


def section(comparison: RecordsComparison, verdict: Verdict, limit: int | None = None) -> list[TextTable]:
    """Return the findings of a verdict, at most ``limit``: a line each, of the cells under `HEADINGS`."""
    return _tables(((row, _cells(row, finding)) for row, finding in comparison.of(verdict)), HEADINGS, limit)


def same_rows(comparison: RecordsComparison, limit: int | None = None) -> list[TextTable]:
    """Return the rows in which nothing changed, at most ``limit``: a line each, of the cells under `SAME_HEADINGS`."""
    return _tables(((row.row, _same_cells(row)) for row in comparison.same), SAME_HEADINGS, limit)


def _tables(lines: Iterable[tuple[MatchedRow, Cells]], headings: Sequence[str], limit: int | None) -> list[TextTable]:
    """Return a table for each suite, model, data and machine that the lines are of."""
    tables: dict[str, list[Cells]] = {}
    for number, (row, cells) in enumerate(lines):
        if limit is None or number < limit:
            tables.setdefault(row.title, []).append(cells)
    return [_table(title, headings, own) for title, own in tables.items()]


def _table(title: str, headings: Sequence[str], lines: Sequence[Cells]) -> TextTable:
    columns = [
        TextColumn(heading, list(cells), number=heading in ("A", "B"), folds=True)
        for heading, cells in zip(headings, zip(*lines, strict=True), strict=True)
    ]
    return TextTable(title, columns, [""] * len(lines), [])


def _cells(row: MatchedRow, finding: RowFinding) -> Cells:
    return row.name, finding.what, finding.before, finding.after, finding.change


def _same_cells(row: RowComparison) -> Cells:
    """Return a row's name and its most important numbers; where those of A and B differ by chance, both."""
    weights = [finding.after for finding in row.findings if finding.what == "conv_weights"]
    quality = [f"{finding.what} {_both(finding)}" for finding in row.findings if finding.kind == "quality"]
    times = [f"{finding.what.split()[1]} {_both(finding)}" for finding in row.findings if finding.kind == "latency"]
    ended = "" if any(record.status == "ok" for record in row.row.b.values()) else _statuses(row.row)
    return row.row.name, ", ".join(weights), ", ".join(quality) or ended, ", ".join(times)


def _statuses(row: MatchedRow) -> str:
    return ", ".join(sorted({record.status for record in row.b.values()}))


def _both(finding: RowFinding) -> str:
    if finding.before == finding.after:
        return finding.after
    return f"{finding.before} → {finding.after}"
