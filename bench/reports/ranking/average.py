"""Average ranks over cells, and whether they differ: Friedman's test and Nemenyi's critical difference.

As Demšar has them in Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7, 2006, section 3.2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean

from ...base.errors import BenchError
from ..distributions import chi2_sf, f_sf, studentised_range_quantile
from ..statistics import mean_ranks
from .ranks import ALPHA, CellRanking, check_alpha

#: Demšar's advice: with fewer, the distributions that the tests assume are not reached.
ENOUGH_CELLS, ENOUGH_METHODS = 10, 5


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all methods are equal.

    Attributes
    ----------
    chi2, p
        Friedman's statistic, corrected for ties, with ``k - 1`` degrees of freedom.
    f, f_p
        Iman and Davenport's, less conservative; infinite where all cells rank alike.
    f_freedom
        Its degrees of freedom, ``k - 1`` and ``(k - 1)(n - 1)``.
    """

    chi2: float
    p: float
    f: float
    f_p: float
    f_freedom: tuple[int, int]


@dataclass(frozen=True)
class AverageRanks:
    """Ranks over cells, of the methods that every cell has.

    Attributes
    ----------
    ranks
        Average rank by method, the best first; equal ones by name.
    cells
        How many cells they are averaged over.
    alpha
        Level of both tests.
    friedman
        None where there are too few methods or cells, see ``notes``.
    critical_difference
        Of two average ranks, by Nemenyi; None where there is no test.
    groups
        Methods that are not told apart, each group as large as can be; all of them in one unless Friedman's test, by
        Iman and Davenport's statistic, rejects that they are equal. Empty where there is no test.
    lacking
        By method that not every cell has: how many do.
    notes
        What a reader should know.
    """

    ranks: dict[str, float]
    cells: int
    alpha: float
    friedman: Friedman | None = None
    critical_difference: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    lacking: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rejects(self) -> bool:
        """Whether the methods are told not to be equal, by Iman and Davenport's statistic."""
        return self.friedman is not None and self.friedman.f_p < self.alpha


def average_ranks(rankings: Sequence[CellRanking], alpha: float = ALPHA) -> AverageRanks:
    """Average the ranks over cells, a complete block design: ranked anew among the methods that all cells have.

    Parameters
    ----------
    rankings
        Of :func:`.ranking.ranks.rank_cells`. Cells in which no method has a point do not count.
    alpha
        Level of the tests.
    """
    ranked = [ranking for ranking in rankings if ranking.rows]
    scores = [{row.point.method: ranking.cell.gain(row.point.mean) for row in ranking.rows} for ranking in ranked]
    lacking = {one.method for ranking in ranked for one in ranking.lacking}
    methods = sorted(lacking.union(*scores))
    present = {method: sum(method in cell for cell in scores) for method in methods}
    complete = [method for method in methods if present[method] == len(scores)]
    result = compare_scores({method: [cell[method] for cell in scores] for method in complete}, alpha)
    notes = list(result.notes)
    if empty := len(rankings) - len(ranked):
        notes.insert(0, f"{empty} of {len(rankings)} cells have no method at this budget and do not count")
    notes += _shared(ranked)
    return AverageRanks(
        result.ranks, len(ranked), alpha, result.friedman, result.critical_difference, result.groups,
        {method: present[method] for method in methods if present[method] < len(scores)}, tuple(notes),
    )  # fmt: skip


def _shared(rankings: Sequence[CellRanking]) -> list[str]:
    """Return notes on cells that are not independent: of the same trials, or of the same model and data."""
    cells = [ranking.cell for ranking in rankings]
    tables = {(cell.suite, cell.table) for cell in cells}
    notes = []
    if len(tables) < len(cells):
        notes.append("the same trials on several machines are several cells here, which are not independent")
    suites: dict[str, set[str]] = {}
    for cell in cells:
        suites.setdefault(f"{cell.model} on {cell.data}", set()).add(cell.suite)
    if repeated := sorted(place for place, names in suites.items() if len(names) > 1):
        listed = ", ".join(repeated)
        notes.append(f"suites that share model and data are several cells here, which are not independent: {listed}")
    return notes


def compare_scores(scores: Mapping[str, Sequence[float]], alpha: float = ALPHA) -> AverageRanks:
    """Rank methods in every cell, average the ranks, and test whether they differ.

    Parameters
    ----------
    scores
        By method, one value a cell, in the same order for all; more is better.
    alpha
        Level of the tests.

    Raises
    ------
    BenchError
        The methods have not as many values each, or alpha is out of range.
    """

    check_alpha(alpha)
    methods = sorted(scores)
    cells = {len(scores[method]) for method in methods}
    if len(cells) > 1:
        raise BenchError("every method must have one value for each cell")
    n, k = (cells.pop() if cells else 0), len(methods)
    if not n:
        return AverageRanks({}, n, alpha, notes=_missing(n, k, alpha))
    # by cell, one a method; 1 is the best of a cell
    ranks = [
        mean_ranks([-score for score in cell]) for cell in zip(*(scores[method] for method in methods), strict=True)
    ]
    means = {method: mean(own) for method, own in zip(methods, zip(*ranks, strict=True), strict=True)}
    ordered = dict(sorted(means.items(), key=lambda item: (item[1], item[0])))
    if missing := _missing(n, k, alpha):
        return AverageRanks(ordered, n, alpha, notes=missing)
    difference = critical_difference(k, n, alpha)
    friedman = _friedman(ranks)
    result = AverageRanks(ordered, n, alpha, friedman, difference)
    groups = _groups(ordered, difference) if result.rejects else (tuple(ordered),)
    return AverageRanks(ordered, n, alpha, friedman, difference, groups, notes=tuple(_cautions(n, k, difference)))


def critical_difference(methods: int, cells: int, alpha: float = ALPHA) -> float:
    """Return by how much two average ranks must differ to be told apart.

    CD = q_α · sqrt(k (k + 1) / (6 n)) for k methods and n cells (Demšar 2006, section 3.2.2), where q_α is the upper
    quantile of the studentised range of k means with infinite degrees of freedom, divided by √2.
    """
    return quantile(methods, alpha) * math.sqrt(methods * (methods + 1) / (6 * cells))


def quantile(methods: int, alpha: float = ALPHA) -> float:
    """Return q_α of Nemenyi's test (Demšar 2006, table 5a)."""
    return studentised_range_quantile(1 - alpha, methods) / math.sqrt(2)


def _friedman(ranks: Sequence[Sequence[float]]) -> Friedman:
    """Return the statistics of ranks ``(n, k)``, n ≥ 2 and k ≥ 3.

    χ² = (12 / (n k (k + 1)) Σ R² - 3 n (k + 1)) / (1 - Σ (t³ - t) / (n k (k² - 1))), where R are the sums of a method's
    ranks and t how many methods of a cell are equal (Hollander and Wolfe, Nonparametric Statistical Methods, 7.1).
    F = (n - 1) χ² / (n (k - 1) - χ²), after Iman and Davenport (Demšar 2006, section 3.2.2).
    """
    n, k = len(ranks), len(ranks[0])
    freedom = (k - 1, (k - 1) * (n - 1))
    ties = [count for cell in ranks for count in Counter(cell).values()]
    shared = sum(count**3 - count for count in ties) / (n * k * (k**2 - 1))
    if shared == 1:  # all methods equal in all cells: 0 / 0
        return Friedman(0.0, 1.0, 0.0, 1.0, freedom)
    squares = sum(sum(own) ** 2 for own in zip(*ranks, strict=True))
    chi2 = (12 / (n * k * (k + 1)) * squares - 3 * n * (k + 1)) / (1 - shared)
    p = chi2_sf(chi2, k - 1)
    left = n * (k - 1) - chi2
    f = (n - 1) * chi2 / left if left > 1e-9 * n * k else math.inf
    return Friedman(chi2, p, f, f_sf(f, *freedom), freedom)


def _groups(ranks: Mapping[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest runs of methods whose average ranks lie closer than the critical difference."""
    methods, values = list(ranks), list(ranks.values())
    groups: list[tuple[str, ...]] = []
    end = 0
    for start in range(len(methods)):
        stop = max(number for number in range(start, len(methods)) if values[number] - values[start] < difference) + 1
        if stop > end:
            groups.append(tuple(methods[start:stop]))
            end = stop
    return tuple(groups)


def _missing(n: int, k: int, alpha: float) -> tuple[str, ...]:
    """Say what is needed for a test, where it is not there."""
    if k < 3:
        return (f"no test: {k} methods have a point in all cells, and it takes 3",)
    needed = _cells_needed(k, alpha)
    if n < needed:
        return (
            f"no test: there are {n} cells, and with {k} methods fewer than {needed} can show nothing at {alpha:g}",
        )
    return ()


def _cells_needed(k: int, alpha: float) -> int:
    """Return with how many cells that rank alike, the most χ² can be, Friedman's test rejects."""
    return next(n for n in range(2, 1000) if chi2_sf(n * (k - 1), k - 1) < alpha)


def _cautions(n: int, k: int, difference: float) -> list[str]:
    notes = []
    if n <= ENOUGH_CELLS or k <= ENOUGH_METHODS:
        notes.append(
            f"the tests assume more than {ENOUGH_CELLS} cells and {ENOUGH_METHODS} methods; with {n} and {k} their "
            "levels are rough"
        )
    if difference > k - 1:
        notes.append(f"no two average ranks of {k} methods can differ by the critical difference: it takes more cells")
    return notes
