"""The Pareto front of cost and quality, and the area that points cover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import BenchError
from ...data.registry import classes_of
from .cells import Cell

#: Of a classifier that guesses, by metric: how many guesses it has.
GUESSES = {"top1": 1, "top5": 5}


@dataclass(frozen=True)
class Reference:
    """The corner that hypervolumes start from: the dense model's cost, and this quality.

    Attributes
    ----------
    quality
        In the metric's unit.
    reason
        Which that is, and why.
    """

    quality: float
    reason: str


def pareto_front(costs: Sequence[float], qualities: Sequence[float]) -> list[int]:
    """Return the points that no other one dominates.

    One point dominates another if it is at least as cheap and at least as good, and one of both truly.

    Parameters
    ----------
    costs
        Less is better.
    qualities
        More is better; as many as costs.

    Returns
    -------
    list of int
        Indices from cheap to dear; equal points are on the front together.

    Raises
    ------
    BenchError
        There are not as many of one as of the other.
    """
    _check(costs, qualities)
    front: list[int] = []
    best = -math.inf
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -qualities[index], index)):
        equal = front and (costs[index], qualities[index]) == (costs[front[-1]], qualities[front[-1]])
        if qualities[index] > best or equal:
            front.append(index)
            best = qualities[index]
    return front


def hypervolume(costs: Sequence[float], qualities: Sequence[float], reference: float = 0.0) -> float:
    """Return the area that points cover up to the dense model's cost and down to a reference quality.

    The axis of cost is logarithmic to base 2, as methods are told apart by the factor they save: between 30 % and 15 %
    there is as much room as between 100 % and 50 %. A point at 25 % that is 80 above the reference covers
    log2(1 / 0.25) · 80 = 160. What is not cheaper than the dense model, or not better than the reference, covers
    nothing.

    Parameters
    ----------
    costs
        Shares of the dense model, above 0.
    qualities
        More is better; as many as costs.
    reference
        Quality that is worth nothing.

    Returns
    -------
    float
        In halvings of the cost times the unit of quality.

    Raises
    ------
    BenchError
        There are not as many of one as of the other, or a cost is not above 0.
    """
    _check(costs, qualities)
    if not all(map(math.isfinite, qualities)):
        raise BenchError("qualities must be finite: what is infinitely good covers no area that could be compared")
    if any(cost <= 0 for cost in costs):
        raise BenchError(f"costs must be above 0, the least of these is {min(costs):g}")
    area, above = 0.0, reference
    # from cheap to dear, each point of the front adds what lies above the ones before it
    for index in pareto_front(costs, qualities):
        if costs[index] < 1 and qualities[index] > above:
            area += math.log2(1 / costs[index]) * (qualities[index] - above)
            above = qualities[index]
    return area


def reference_of(cell: Cell) -> Reference | None:
    """Return where a cell's hypervolumes start: what guessing has, or 0; None where less is better.

    Where less is better there is no worst value.
    """
    metric = cell.metric
    if not metric.higher_is_better:
        return None
    if metric.name in GUESSES and (classes := classes_of(cell.data, cell.task)):
        chance = 100 * GUESSES[metric.name] / classes
        return Reference(chance, f"{chance:g} {metric.unit}, what guessing has with {classes} classes")
    return Reference(0.0, f"0 {metric.unit}, as guessing has no {metric.name} of its own".replace("  ", " "))


def hypervolumes(cell: Cell, reference: Reference) -> dict[str, float]:
    """Return each method's hypervolume, in halvings of the cost at the dense model's quality.

    That is the area less unit: 2 for a method that keeps the dense model's quality down to a quarter of its cost. A
    method of which smaller models were made covers more: compare methods that were run at the same budgets. Points of
    which a seed failed cover nothing.

    Returns
    -------
    dict
        By method, the largest first; empty where the dense model is not above the reference, or a quality is infinite.
    """
    height = cell.dense.mean - reference.quality if cell.dense else 0.0
    if height <= 0 or not all(math.isfinite(one.mean) for one in (cell.dense, *cell.points) if one and one.complete):
        return {}
    areas: dict[str, float] = {}
    for method in cell.methods:
        points = [p for p in cell.points if p.method == method and p.complete and p.cost is not None and p.cost > 0]
        if points:
            costs, qualities = [point.cost or 0.0 for point in points], [point.mean for point in points]
            areas[method] = hypervolume(costs, qualities, reference.quality) / height
    return dict(sorted(areas.items(), key=lambda item: (-item[1], item[0])))


def _check(costs: Sequence[float], qualities: Sequence[float]) -> None:
    if len(costs) != len(qualities):
        raise BenchError(f"{len(costs)} costs and {len(qualities)} qualities: there must be as many of both")
    if not all(map(math.isfinite, costs)) or any(map(math.isnan, qualities)):
        raise BenchError("costs must be finite, and qualities numbers")
