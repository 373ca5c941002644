"""The search for an allocation: sizes on the groups' curves are raised step by step while the budget has room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ...contract.cost import Knob
from .curves import Group, Point, hull

Curve = Sequence[Point]
Step = tuple[float, int, int]
"""When a step is taken, the least first; the group; and the index of the point that it leads to."""


def steps_by_error(curves: Sequence[Curve]) -> list[Step]:
    """Return steps by the error before them: the groups keep one common fraction of their squared norm."""
    return [(-curve[k - 1].error, i, k) for i, curve in enumerate(curves) for k in range(1, len(curve))]


def steps_by_level(levels: Sequence[Sequence[float]]) -> list[Step]:
    """Return steps by a level that rises along each curve: the groups reach one common level."""
    return [(own[k], i, k) for i, own in enumerate(levels) for k in range(1, len(own))]


def climb(curves: Sequence[Curve], steps: Iterable[Step], room: float) -> list[int]:
    """Return, for each group, the index of the point it gets, starting from the cheapest.

    Parameters
    ----------
    curves
        One for each group.
    steps
        Taken in their order. A group whose step does not fit takes no further one, and the others go on.
    room
        What all groups may cost together.
    """
    at = [0] * len(curves)
    room -= sum(curve[0].cost for curve in curves)
    closed: set[int] = set()
    for _, i, k in sorted(steps):
        extra = curves[i][k].cost - curves[i][at[i]].cost
        if i in closed or extra > room:
            closed.add(i)
            continue
        at[i] = k
        room -= extra
    return at


def by_multiplier(curves: Sequence[Curve], weights: Sequence[float], room: float) -> list[int]:
    """Return, for each group, the index of a point such that the sum of ``w · error`` is least within the room.

    At a multiplier ``λ`` the sum of ``w · error + λ · cost`` is least where every group has taken those steps along its
    convex hull that gain more than ``λ`` for their cost, and no other choice of that cost has less error (Everett,
    "Generalized Lagrange multiplier method", Operations Research 11, 1963; for bits, Shoham and Gersho, IEEE TASSP 36,
    1988). So the steps in the order of their gain are the search for the multiplier. From the last one that fits,
    `fill` goes on; the least error is then no further away than the step that did not fit.
    """
    steps = []
    for i, (curve, weight) in enumerate(zip(curves, weights, strict=True)):
        for before, after in pairwise(hull(curve)):
            gain = weight * (curve[before].error - curve[after].error) / (curve[after].cost - curve[before].cost)
            steps.append((-gain, i, after))
    at = [0] * len(curves)
    left = room - sum(curve[0].cost for curve in curves)
    for _, i, k in sorted(steps):
        extra = curves[i][k].cost - curves[i][at[i]].cost
        if extra > left:
            break
        at[i] = k
        left -= extra
    return fill(curves, weights, at, room)


def fill(curves: Sequence[Curve], weights: Sequence[float], at: Sequence[int], room: float) -> list[int]:
    """Return the choice ``at``, raised by what gains most for its cost of all that fits, until nothing does."""
    at = list(at)
    room -= sum(curve[k].cost for curve, k in zip(curves, at, strict=True))

    def best_step(i: int) -> Step | None:
        now = curves[i][at[i]]
        steps = []
        for k in range(at[i] + 1, len(curves[i])):
            extra = curves[i][k].cost - now.cost
            if extra > room:
                break
            steps.append((-weights[i] * (now.error - curves[i][k].error) / extra, i, k))
        return min(steps, default=None)

    steps = {i: step for i in range(len(curves)) if (step := best_step(i))}
    while steps:
        _, i, k = min(steps.values())
        room -= curves[i][k].cost - curves[i][at[i]].cost
        at[i] = k
        for j, (_, _, to) in list(steps.items()):
            if j == i or curves[j][to].cost - curves[j][at[j]].cost > room:
                del steps[j]
                if step := best_step(j):
                    steps[j] = step
    return at


def refine(groups: Sequence[Group], curves: Sequence[Curve], at: Sequence[int], knob: Knob, room: float) -> list[Point]:
    """Return the chosen points, each moved up between its curve's points as far as the room left over allows.

    The groups that lose most come first. The errors stay those of the curve's points, which bound them.
    """
    chosen = [curve[k] for curve, k in zip(curves, at, strict=True)]
    if knob.choices:
        return chosen
    room -= sum(point.cost for point in chosen)
    for i in sorted(range(len(chosen)), key=lambda i: (-chosen[i].error, i)):
        after = curves[i][at[i] + 1 : at[i] + 2]
        if not after or after[0].size is None or chosen[i].size is None:
            continue
        point = _between(groups[i], chosen[i], after[0], knob, room)
        room -= point.cost - chosen[i].cost
        chosen[i] = point
    return chosen


def _between(group: Group, below: Point, above: Point, knob: Knob, room: float) -> Point:
    """Return the largest size from ``below`` up to ``above`` that costs at most ``room`` more than ``below``."""
    assert below.size is not None
    assert above.size is not None
    low, high = getattr(below.size, knob.field), getattr(above.size, knob.field)
    best = below
    for _ in range(20):
        middle = round((low + high) / 2) if knob.integer else (low + high) / 2
        if middle in (low, high):
            break
        size = below.size.sized(middle)
        cost = group.price(size)
        if cost is not None and cost <= below.cost + room:
            low = middle
            if cost > best.cost:
                best = Point(size, cost, below.error)
        else:
            high = middle
    return best
