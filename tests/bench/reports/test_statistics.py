"""Holm's correction: its numbers, and how few rows of equal methods are marked as worse."""

import runpy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from decompbench.bench.reports.statistics import holm, standings, welch_p
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
