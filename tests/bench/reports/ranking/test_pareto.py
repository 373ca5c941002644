"""Fronts and hypervolumes: numbers by hand, and properties of any points."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.ranking import hypervolume, pareto_front

points = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.0, 1.3]), st.integers(0, 6)), max_size=8)


def dominates(one, other):
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def test_a_front_by_hand():
    costs, qualities = [1.0, 0.5, 0.5, 0.3, 0.3, 0.1], [90, 92, 80, 85, 70, 20]
    assert pareto_front(costs, qualities) == [5, 3, 1]
    assert pareto_front([], []) == []
    assert pareto_front([0.5, 0.5], [1, 1]) == [0, 1]  # equal points do not dominate each other


def test_hypervolumes_by_hand():
    assert hypervolume([0.25], [90], 10) == pytest.approx(160)
    # 0.125: three halvings at 50 above the reference; 0.5: one at the 30 above that
    assert hypervolume([0.5, 0.125], [90, 60], 10) == pytest.approx(3 * 50 + 1 * 30)
    assert hypervolume([0.5, 0.125, 0.5], [90, 60, 40], 10) == pytest.approx(180)
    assert hypervolume([1.0, 1.5], [99, 99], 10) == 0
    assert hypervolume([0.25], [5], 10) == 0
    assert hypervolume([], []) == 0


@pytest.mark.parametrize(
    ("costs", "qualities", "said"),
    [([0.5], [1, 2], "1 costs and 2 qualities"), ([0.0], [1], "above 0, the least"), ([0.5], [math.nan], "finite")],
)
def test_what_is_no_point_is_an_error(costs, qualities, said):
    with pytest.raises(BenchError, match=said):
        hypervolume(costs, qualities)


@given(points)
def test_a_front_is_all_that_is_not_dominated(found):
    front = pareto_front([cost for cost, _ in found], [quality for _, quality in found])
    expected = [p for p in range(len(found)) if not any(dominates(other, found[p]) for other in found)]
    assert sorted(front) == expected
    assert [found[index][0] for index in front] == sorted(found[index][0] for index in front)


@given(points, st.data())
def test_neither_depends_on_the_order_of_points(found, data):
    other = data.draw(st.permutations(found))
    fronts = [[p[i] for i in pareto_front([c for c, _ in p], [q for _, q in p])] for p in (found, other)]
    assert fronts[0] == fronts[1]
    areas = [hypervolume([c for c, _ in p], [q for _, q in p], 1) for p in (found, other)]
    assert areas[0] == pytest.approx(areas[1])


@given(points, st.tuples(st.sampled_from([0.05, 0.15, 0.3, 0.6, 1.2]), st.integers(0, 8)))
def test_a_point_more_never_covers_less_and_a_dominated_one_no_more(found, more):
    costs, qualities = [c for c, _ in found], [q for _, q in found]
    before = hypervolume(costs, qualities, 1)
    after = hypervolume([*costs, more[0]], [*qualities, more[1]], 1)
    assert after >= before - 1e-12
    if any(dominates(other, more) or other == more for other in found):
        assert after == pytest.approx(before)
    elif more[0] < 1 and more[1] > 1:
        assert after > before
