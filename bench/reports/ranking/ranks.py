"""The ranks within a cell: each method's point at the budget, chosen by its size alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...base.errors import BenchError
from ...records.record import Record
from ..budgets import TOLERANCE, CostBudget
from ..statistics import Interval, Standing, mean_interval, mean_ranks, standings
from .cells import Cell, Point, find_cells
from .pareto import Reference, hypervolumes, pareto_front, reference_of

ALPHA = 0.05


@dataclass(frozen=True)
class RankedRow:
    """A method at the budget.

    Attributes
    ----------
    point
        Chosen by its size alone.
    interval
        Of the mean quality over seeds by Student's t; None for a single seed.
    rank
        1 is best; methods of equal mean share the average of their ranks.
    standing
        To the leader, by Welch's t over seeds with Holm's correction for the number of methods.
    difference
        Interval of how much better than the leader, negative where worse, not corrected; None where unknown.
    """

    point: Point
    interval: Interval | None
    rank: float
    standing: Standing
    difference: Interval | None


@dataclass(frozen=True)
class Lacking:
    """A method without a point at the budget, and why."""

    method: str
    reason: str


@dataclass(frozen=True)
class CellRanking:
    """Ranks in one cell at one budget.

    Attributes
    ----------
    cell, budget
        The cell and the budget that was asked for; the cell's own budget names the batch size of a latency.
    rows
        Best first; the dense model is not among them.
    lacking
        Methods that other cells or budgets have, and this one has not.
    front
        The points that no other one dominates on cost and quality, from small to large: of the dense model, and of all
        points that have every seed.
    reference
        Of the hypervolumes; None where the metric has none.
    hypervolumes
        By method, see :func:`.ranking.pareto.hypervolumes`.
    """

    cell: Cell
    budget: CostBudget
    rows: tuple[RankedRow, ...]
    lacking: tuple[Lacking, ...]
    front: tuple[Point, ...] = ()
    reference: Reference | None = None
    hypervolumes: dict[str, float] = field(default_factory=dict)


def rank_cells(
    records: Iterable[Record],
    budget: CostBudget,
    *,
    metric: str | None = None,
    tolerance: float = TOLERANCE,
    alpha: float = ALPHA,
    pool_machines: bool = False,
) -> list[CellRanking]:
    """Rank the methods at equal budget in every cell.

    Of a method's points the one counts whose size is nearest to the budget, if it is within the tolerance, above or
    below. If that trial failed with any seed the method has none: it never gets a rank by another point, nor by the
    seeds that survive.

    Parameters
    ----------
    records, metric, pool_machines
        See :func:`.ranking.cells.find_cells`.
    budget
        Share of the dense model on one measure.
    tolerance
        Relative distance from the budget up to which a point stands for it.
    alpha
        Intervals have confidence ``1 - alpha``.

    Raises
    ------
    BenchError
        As ``find_cells``, or tolerance or alpha is out of range.
    """
    if not 0 <= tolerance < 1:
        raise BenchError(f"tolerance {tolerance:g}: must be at least 0 and below 1, such as 0.1 for 10 %")
    check_alpha(alpha)
    cells = find_cells(records, budget, metric=metric, pool_machines=pool_machines)
    methods = sorted({method for cell in cells for method in cell.methods})
    return [_rank(cell, methods, budget, tolerance, alpha) for cell in cells]


def check_alpha(alpha: float) -> None:
    """Raise a BenchError unless a level of significance is between 0 and 1."""
    if not 0 < alpha < 1:
        raise BenchError(f"alpha {alpha:g}: must be between 0 and 1, such as 0.05")


def _rank(cell: Cell, methods: Sequence[str], budget: CostBudget, tolerance: float, alpha: float) -> CellRanking:
    chosen: list[Point] = []
    lacking: list[Lacking] = []
    for method in methods:
        points = [point for point in cell.points if point.method == method]
        point = nearest(points, budget, tolerance)
        if point is not None and point.complete:
            chosen.append(point)
        else:
            lacking.append(Lacking(method, _why(points, point, cell.budget)))
    complete = [point for point in cell.points if point.complete]
    known = [point for point in (cell.dense, *complete) if point and point.cost is not None]
    front = pareto_front([_cost(point) for point in known], [cell.gain(point.mean) for point in known])
    reference = reference_of(cell)
    return CellRanking(
        cell,
        budget,
        _rows(cell, chosen, alpha),
        tuple(lacking),
        tuple(known[index] for index in front),
        reference,
        hypervolumes(cell, reference) if reference else {},
    )


def nearest(points: Iterable[Point], budget: CostBudget, tolerance: float) -> Point | None:
    """Return the point whose cost is nearest to a budget, if it is within the relative tolerance; never by quality.

    Of two equally near ones the smaller counts.
    """
    known = [point for point in points if point.cost is not None]
    best = min(known, key=lambda point: (budget.distance(_cost(point)), _cost(point), point.budget), default=None)
    return best if best is not None and budget.met_by(best.cost, tolerance) else None


def _cost(point: Point) -> float:
    assert point.cost is not None
    return point.cost


def _why(points: Sequence[Point], chosen: Point | None, budget: CostBudget) -> str:
    """Say why a method has no point at the budget."""
    if not points:
        return "not run"
    if chosen is not None:
        return chosen.failure
    asked = [point for point in points if point.budget == str(budget)]
    near = nearest(asked or points, budget, math.inf)
    if near is None:
        return asked[0].failure if asked and asked[0].failure else f"no {budget.name} known"
    words = "out of reach" if asked else "not run"
    failed = f", {near.failure}" if asked and near.failure else ""
    return f"{words}: the nearest point has {100 * _cost(near):.3g} %{failed}"


def _rows(cell: Cell, points: Sequence[Point], alpha: float) -> tuple[RankedRow, ...]:
    ranks = mean_ranks([-cell.gain(point.mean) for point in points])
    order = sorted(range(len(points)), key=lambda index: (ranks[index], points[index].method))
    values = [list(points[index].quality.values()) for index in order]
    found = standings(values, higher_is_better=cell.metric.higher_is_better, confidence=1 - alpha)
    return tuple(
        RankedRow(points[index], mean_interval(own, 1 - alpha), ranks[index], standing, difference)
        for index, own, (standing, difference) in zip(order, values, found, strict=True)
    )
