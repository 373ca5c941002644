"""The findings of a comparison, by row, and their summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ...base.text import counted
from ..scores import scores_to_json
from .matching import MatchedRow

#: ``changed``: different, and neither better nor worse, or not known to be either.
Verdict = Literal["regression", "improvement", "changed", "same"]
FROM_WORST: tuple[Verdict, ...] = ("regression", "improvement", "changed", "same")
FindingKind = Literal["status", "setting", "count", "quality", "latency"]


@dataclass(frozen=True)
class RowFinding:
    """One thing that was compared in one row.

    Attributes
    ----------
    kind, what
        A kind, and a name such as ``conv_weights`` or ``top1 %``.
    before, after
        In A and in B, as text.
    change
        The difference, and what the verdict rests on, as text.
    numbers
        The values unrounded, for programs.
    """

    kind: FindingKind
    what: str
    verdict: Verdict
    before: str
    after: str
    change: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RowComparison:
    """A row of either set or of both, and everything that was compared."""

    row: MatchedRow
    findings: tuple[RowFinding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a finding, a regression being worst."""
        for verdict in FROM_WORST:
            if any(finding.verdict == verdict for finding in self.findings):
                return verdict
        return "same"

    def to_json(self, *, everything: bool) -> dict[str, Any]:
        """Return the row as a plain mapping; with ``everything`` also the findings that are the same."""
        row = self.row
        return {
            "suite": row.suite,
            "device": row.device,
            "table": row.table,
            "method": row.method,
            "budget": row.budget,
            "machine_a": row.machine_a,
            "machine_b": row.machine_b,
            "seeds_a": sorted(row.a),
            "seeds_b": sorted(row.b),
            "verdict": self.verdict,
            "findings": [asdict(one) for one in self.findings if everything or one.verdict != "same"],
        }


@dataclass(frozen=True)
class RecordsComparison:
    """Two sets of records, compared.

    Attributes
    ----------
    name_a, name_b, source_a, source_b
        As the user wrote them, and what they turned out to be.
    rows
        In A's order, then what only B has.
    notes
        Sentences on the whole comparison.
    """

    name_a: str
    name_b: str
    source_a: str
    source_b: str
    rows: Sequence[RowComparison]
    notes: Sequence[str]

    @property
    def has_regression(self) -> bool:
        """Whether anything became worse."""
        return any(row.verdict == "regression" for row in self.rows)

    def of(self, verdict: Verdict) -> Iterator[tuple[MatchedRow, RowFinding]]:
        """Yield the findings of one verdict with their rows."""
        for row in self.rows:
            for finding in row.findings:
                if finding.verdict == verdict:
                    yield row.row, finding

    @property
    def same(self) -> list[RowComparison]:
        """The rows in which nothing changed."""
        return [row for row in self.rows if row.verdict == "same"]

    def headline(self) -> str:
        """Return the number of regressions in a few words: ``2 regressions in 1 of 23 rows``."""
        if not self.has_regression:
            return f"no regression in {counted(len(self.rows), 'row')}"
        return f"{self._findings('regression', 'regression')} of {counted(len(self.rows), 'row')}"

    def summary(self) -> str:
        """Return the headline and the numbers of other findings, in one line."""
        parts = [self.headline()]
        parts += [self._findings("improvement", "improvement"), self._findings("changed", "other change")]
        return "; ".join([*filter(None, parts), f"{counted(len(self.same), 'row')} unchanged"])

    def to_json(self, *, everything: bool = False) -> dict[str, Any]:
        """Return the comparison as a plain mapping; with ``everything`` also the findings that are the same."""
        return {
            "a": {"name": self.name_a, "source": self.source_a},
            "b": {"name": self.name_b, "source": self.source_b},
            "regression": self.has_regression,
            "summary": self.summary(),
            "notes": list(self.notes),
            "rows": [scores_to_json(row.to_json(everything=everything)) for row in self.rows],
        }

    def _findings(self, verdict: Verdict, word: str) -> str:
        """Return ``2 regressions in 1 row``, or nothing where there is none."""
        of = [row for row, _ in self.of(verdict)]
        rows = len({id(row) for row in of})
        if not of:
            return ""
        if verdict == "regression":
            return f"{counted(len(of), word)} in {rows}"
        return f"{counted(len(of), word)} in {counted(rows, 'row')}"
