"""The search on curves: within the room, optimal at every multiplier, and never far from the optimum."""

import itertools
import math
import random

import pytest

from decompbench.methods.plan.allocation.curves import Point, hull
from decompbench.methods.plan.allocation.search import by_multiplier, climb, steps_by_error, steps_by_level


def random_curves(seed, groups=4, points=5, convex=False):
    """Return curves of rising cost and falling error; the last point of each loses nothing."""
    draw = random.Random(seed)
    curves = []
    for _ in range(groups):
        costs = list(itertools.accumulate(draw.randint(1, 30) for _ in range(points)))
        if convex:
            gains = sorted((draw.random() for _ in range(points - 1)), reverse=True)
            gains = [gain * (after - before) for gain, before, after in zip(gains, costs, costs[1:], strict=False)]
        else:
            gains = [draw.random() for _ in range(points - 1)]
        errors = [sum(gains[k:]) for k in range(points)]
        curves.append([Point(None, cost, error) for cost, error in zip(costs, errors, strict=True)])
    return curves


def total(curves, at, weights=None):
    weights = weights or [1] * len(curves)
    cost = sum(curve[k].cost for curve, k in zip(curves, at, strict=True))
    return cost, sum(w * curve[k].error for curve, k, w in zip(curves, at, weights, strict=True))


def best(curves, room, weights=None):
    """Return the least error within the room, by looking at every choice."""
    every = (total(curves, at, weights) for at in itertools.product(*(range(len(curve)) for curve in curves)))
    return min(error for cost, error in every if cost <= room)


def chosen(curves, room, weights=None):
    return by_multiplier(curves, weights or [1.0] * len(curves), room)


def rooms(curves):
    low, high = (sum(curve[end].cost for curve in curves) for end in (0, -1))
    return range(low, high + 1, max(1, (high - low) // 12))


@pytest.mark.parametrize("convex", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_the_error_is_within_one_step_of_the_least(seed, convex):
    """Everett: what a multiplier gives is optimal for its cost, and the next multiplier is one step away."""
    curves = random_curves(seed, convex=convex)
    weights = [random.Random(seed + 1).uniform(0.2, 5) for _ in curves]
    for each in (None, weights):
        scale = each or [1.0] * len(curves)
        step = max(
            w * (curve[a].error - curve[b].error)
            for curve, w in zip(curves, scale, strict=True)
            for a, b in itertools.pairwise(hull(curve))
        )
        for room in rooms(curves):
            cost, error = total(curves, chosen(curves, room, each), each)
            assert cost <= room
            assert error < best(curves, room, each) + step


@pytest.mark.parametrize("convex", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_at_the_cost_of_any_multiplier_nothing_is_better(seed, convex):
    curves = random_curves(seed, convex=convex)
    at = [0] * len(curves)
    for _, i, k in sorted(hull_steps(curves)):
        at[i] = k
        cost, error = total(curves, at)
        assert chosen(curves, cost) == at
        assert error == pytest.approx(best(curves, cost))


def hull_steps(curves):
    """Yield the steps along the hulls, what gains most for its cost coming first when sorted."""
    for i, curve in enumerate(curves):
        for a, b in itertools.pairwise(hull(curve)):
            yield (curve[b].error - curve[a].error) / (curve[b].cost - curve[a].cost), i, b


@pytest.mark.parametrize("seed", range(6))
def test_most_choices_are_the_very_best(seed):
    curves = random_curves(seed, convex=True)
    hits = [math.isclose(total(curves, chosen(curves, room))[1], best(curves, room)) for room in rooms(curves)]
    assert sum(hits) > len(hits) / 2


@pytest.mark.parametrize("seed", range(6))
def test_the_hull_lies_below_every_point_and_its_gains_fall(seed):
    (curve,) = random_curves(seed, groups=1, points=12)
    corners = hull(curve)
    assert (corners[0], corners[-1]) == (0, len(curve) - 1)
    gains = []
    for a, b in itertools.pairwise(corners):
        slope = (curve[a].error - curve[b].error) / (curve[b].cost - curve[a].cost)
        gains.append(slope)
        for point in curve[a:b]:
            assert point.error >= curve[a].error - slope * (point.cost - curve[a].cost) - 1e-12
    assert gains == sorted(gains, reverse=True)
    assert len(set(gains)) == len(gains)


@pytest.mark.parametrize("seed", range(6))
def test_one_fraction_of_the_energy_is_kept_by_all_that_have_room(seed):
    curves = random_curves(seed)
    for room in rooms(curves):
        at = climb(curves, steps_by_error(curves), room)
        cost, _ = total(curves, at)
        assert cost <= room
        # every fraction that fits as it is, is reached
        levels = sorted({point.error for curve in curves for point in curve})
        fits = [e for e in levels if total(curves, smallest_within(curves, e))[0] <= room]
        if fits:
            assert all(k >= least for k, least in zip(at, smallest_within(curves, fits[0]), strict=True))


def smallest_within(curves, error):
    return [next(k for k, point in enumerate(curve) if point.error <= error) for curve in curves]


def test_levels_are_climbed_together():
    curves = random_curves(3)
    levels = [[k * (i + 1) for k in range(len(curve))] for i, curve in enumerate(curves)]
    enough = sum(curve[min(4 // (i + 1), 4)].cost for i, curve in enumerate(curves))
    assert climb(curves, steps_by_level(levels), enough) == [4, 2, 1, 1]


def test_inside_a_step_that_does_not_fit_there_may_be_one_that_does():
    """The step to the dense form gains so much for its cost that no rank before it is on the hull."""
    curve = [Point(None, 10 + 10 * k, 1.0 - 0.05 * k) for k in range(9)] + [Point(None, 100, 0.0)]
    assert hull(curve) == [0, 9]
    little = [Point(None, 10 + 10 * k, 1.0 - 0.04 * k) for k in range(9)]
    assert by_multiplier([curve, little], [1.0, 1.0], 70) == [5, 0]
    assert by_multiplier([curve, little], [1.0, 2.0], 70) == [0, 5]
    assert by_multiplier([curve, little], [1.0, 1.0], 130) == [9, 2]


def test_a_group_whose_step_does_not_fit_waits_and_the_others_go_on():
    big = [Point(None, 10, 1.0), Point(None, 100, 0.0)]
    small = [Point(None, 10, 0.1), Point(None, 12, 0.05), Point(None, 14, 0.0)]
    assert by_multiplier([big, small], [1.0, 1.0], 24) == [0, 2]
    assert climb([big, small], steps_by_error([big, small]), 23) == [0, 1]
