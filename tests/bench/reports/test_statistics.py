"""Holm's correction: its numbers, and how few rows of equal methods are marked as worse; equal and infinite scores."""

import math
import runpy
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from decompbench.bench.reports.statistics import (
    holm,
    mean_interval,
    mean_ranks,
    standings,
    welch_interval,
    welch_p,
)
from tests.places import TOOLS

FALSE_MARKS = runpy.run_path(str(TOOLS / "false_marks.py"))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni_s_and_keeps_the_order(values):
    corrected = holm(values)
    assert all(own <= new <= min(1, len(values) * own) for own, new in zip(values, corrected, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[index] for index in order] == sorted(corrected)


def test_welch_is_scipy_s_and_without_spread_a_difference_is_certain():
    a, b = [80.0, 81.0, 82.5], [84.0, 84.5, 88.0]
    assert welch_p(a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-13)
    assert (welch_p([1.0, 1.0], [2.0, 2.0]), welch_p([1.0, 1.0], [1.0, 1.0])) == (0.0, 1.0)


def test_a_row_that_is_just_behind_alone_is_not_among_many():
    """Its own interval lies below 0 all the same; rows of a single seed do not count as tests."""
    leader, behind, near = [80.0, 81.0, 82.0], [77.0, 78.0, 79.0], [79.9, 80.9, 81.9]
    assert 0.01 < welch_p(leader, behind) < 0.05
    for others, standing in (([], "worse"), ([[70.0]] * 9, "worse"), ([near] * 9, "not told apart")):
        found = standings([leader, behind, *others])
        assert found[1][0] == standing
        assert found[1][1][1] < 0


def test_of_equal_methods_fewer_are_marked():
    """The same tables with and without the correction; docs/leaderboard.md has the numbers of many more."""
    rows, marked, alone = FALSE_MARKS["false_marks"](11, 3, tables=120)
    assert rows <= marked < alone / 3


INFINITE = [math.inf, math.inf]


@pytest.mark.parametrize(
    ("a", "b", "interval", "p"),
    [
        (INFINITE, INFINITE, (0, 0), 1),
        ([40.0, 41.0], INFINITE, (math.inf, math.inf), 0),
        (INFINITE, [40.0, 41.0], (-math.inf, -math.inf), 0),
        (INFINITE, [40.0, 40.0], (-math.inf, -math.inf), 0),
        ([40.0, 41.0], [math.inf, 42.0], (-math.inf, math.inf), 1),
        ([math.inf, 42.0], [math.inf, 42.0], (-math.inf, math.inf), 1),
        (INFINITE, [math.inf, 42.0], (-math.inf, math.inf), 1),
        ([-math.inf, -math.inf], [3.0, 4.0], (math.inf, math.inf), 0),
    ],
)
def test_differences_of_infinite_scores(a, b, interval, p):
    assert welch_interval(a, b) == interval
    assert welch_p(a, b) == p


def test_the_interval_of_an_infinite_mean():
    assert mean_interval(INFINITE) == (math.inf, math.inf)
    assert mean_interval([math.inf, 40.0]) == (-math.inf, math.inf)
    assert mean_interval([40.0, 40.0]) == (40.0, 40.0)


def test_an_infinite_score_leads():
    groups = [[40.0, 41.0], INFINITE, [math.inf, 39.0], [30.0, 30.0], [30.0]]
    found = standings(groups)
    assert [standing for standing, _ in found] == ["worse", "leader", "not told apart", "worse", "unknown"]
    lower = standings([[1.0, 1.5], [-math.inf, -math.inf]], higher_is_better=False)
    assert [standing for standing, _ in lower] == ["worse", "leader"]
    assert mean_ranks([-math.inf, -math.inf, 3.0]) == [1.5, 1.5, 3]


@pytest.mark.parametrize("values", [[90.0, 90.0], [0.1, 0.1, 0.1], [90.0, 90.0 + 2e-14], [1e-300, 1e-300], [0.0, 0.0]])
def test_equal_scores_are_compared_in_silence(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for other in (values, [one + 1 for one in values]):
            low, high = welch_interval(values, other)
            assert low <= high
            assert low == pytest.approx(other[0] - values[0], abs=1e-12)
            assert high == pytest.approx(other[0] - values[0], abs=1e-12)
            assert 0 <= welch_p(values, other) <= 1
        low, high = mean_interval(values)
        assert low == pytest.approx(values[0])
        assert high == pytest.approx(values[0])
        assert [standing for standing, _ in standings([values, values])] == ["leader", "not told apart"]
