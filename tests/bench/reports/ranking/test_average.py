"""Average ranks and their tests: Demšar's numbers, scipy's, and properties of any scores."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.ranking import compare_scores, critical_difference
from decompbench.bench.reports.ranking.average import quantile

#: Demšar 2006, table 6: areas under the curve of four learners on fourteen data sets. Of the last but one, the last two
#: are both printed as 0.975 and ranked 2 and 3.
DEMSAR = {
    "C4.5": [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957],
    "C4.5+m": [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978],
    "C4.5+cf": [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614, 0.97501, 0.946],
    "C4.5+m+cf": [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970],
}
#: Demšar 2006, table 5a, for two to ten methods at 0.05.
QUANTILES = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]

scores = st.integers(3, 6).flatmap(
    lambda k: st.integers(4, 8).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n), min_size=k, max_size=k)
    )
).map(lambda rows: {f"m{number}": [float(value) for value in row] for number, row in enumerate(rows)})  # fmt: skip


@pytest.mark.parametrize(("methods", "published"), list(enumerate(QUANTILES, start=2)))
def test_quantiles_are_the_published_ones(methods, published):
    assert quantile(methods) == pytest.approx(published, abs=0.0015)  # the table's last digit is not always rounded


def test_demsars_example():
    found = compare_scores(DEMSAR)
    published = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert list(found.ranks) == list(published)
    assert found.ranks == pytest.approx(published, abs=0.0005)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    # the paper's 9.28 and 3.69 are without the correction for ties, which makes them larger
    k, n = 4, 14
    plain = 12 * n / (k * (k + 1)) * (sum(rank**2 for rank in found.ranks.values()) - k * (k + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=0.005)
    assert plain < found.friedman.chi2 == pytest.approx(stats.friedmanchisquare(*DEMSAR.values()).statistic)
    assert found.friedman.f_freedom == (3, 39)
    assert found.rejects
    # the paper: not even the best and the worst differ by as much as the critical difference
    assert found.groups == (tuple(published),)


def test_iman_and_davenport_without_ties():
    """Demšar's formula from χ², with numbers computed by hand: three cells, ranks 1 2 3, 1 2 3, 2 1 3."""
    found = compare_scores({"a": [3, 3, 2], "b": [2, 2, 3], "c": [1, 1, 1]})
    assert found.ranks == pytest.approx({"a": 4 / 3, "b": 5 / 3, "c": 3})
    chi2 = 12 / (3 * 3 * 4) * (4**2 + 5**2 + 9**2) - 3 * 3 * 4
    assert found.friedman.chi2 == pytest.approx(chi2) == pytest.approx(14 / 3)
    assert found.friedman.f == pytest.approx(2 * chi2 / (3 * 2 - chi2)) == pytest.approx(7)
    assert found.friedman.f_p == pytest.approx(stats.f.sf(7, 2, 4))
    assert critical_difference(3, 3) == pytest.approx(2.343 * math.sqrt(12 / 18), abs=0.001)


def test_cells_that_rank_alike_tell_the_ends_apart():
    found = compare_scores({name: [float(-place)] * 12 for place, name in enumerate("abcdefg")})
    assert found.friedman.f == math.inf
    assert found.friedman.f_p == 0
    assert list(found.ranks.values()) == [1, 2, 3, 4, 5, 6, 7]
    # q 2.949 · sqrt(7 · 8 / 72) = 2.60
    assert found.critical_difference == pytest.approx(2.60, abs=0.005)
    assert found.groups == (("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e"), ("d", "e", "f"), ("e", "f", "g"))
    assert found.notes == ()


def test_equal_methods_are_one_group_and_no_division_by_zero():
    found = compare_scores({"a": [1.0] * 5, "b": [1.0] * 5, "c": [1.0] * 5})
    assert (found.friedman.chi2, found.friedman.f_p, found.rejects) == (0, 1, False)
    assert found.groups == (("a", "b", "c"),)
    assert set(found.ranks.values()) == {2.0}


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({}, "no test: 0 methods have a point in all cells"),
        ({"a": [1.0] * 9}, "no test: 1 methods"),
        ({"a": [1.0] * 9, "b": [2.0] * 9}, "no test: 2 methods have a point in all cells, and it takes 3"),
        ({"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0]}, "with 3 methods fewer than 3 can show nothing at 0.05"),
    ],
)
def test_too_little_for_a_test_is_said_and_what_is_needed(scores, said):
    found = compare_scores(scores)
    assert said in found.notes[0]
    assert (found.friedman, found.critical_difference, found.groups) == (None, None, ())
    assert set(found.ranks) == set(scores)


def test_what_the_test_needs_is_what_it_needs():
    """With one cell more than too few, methods that always rank alike are told not to be equal."""
    assert compare_scores({"a": [1.0] * 3, "b": [2.0] * 3, "c": [3.0] * 3}).friedman.p < 0.05


def test_bad_input_is_an_error():
    with pytest.raises(BenchError, match="one value for each cell"):
        compare_scores({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(BenchError, match="alpha 5: must be between 0 and 1"):
        compare_scores(DEMSAR, alpha=5)


@settings(max_examples=40, deadline=None)
@given(scores=scores, data=st.data())
def test_order_of_methods_and_cells_does_not_matter(scores, data):
    found = compare_scores(scores)
    cells = data.draw(st.permutations(range(len(scores["m0"]))))
    methods = data.draw(st.permutations(sorted(scores)))
    other = compare_scores({method: [scores[method][cell] for cell in cells] for method in methods})
    assert other.ranks == pytest.approx(found.ranks)
    assert other.groups == found.groups
    assert (other.friedman is None) == (found.friedman is None)
    if found.friedman is not None:
        assert other.friedman.f_p == pytest.approx(found.friedman.f_p, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(scores=scores)
def test_ranks_sum_up_and_groups_are_within_the_critical_difference(scores):
    found = compare_scores(scores)
    k = len(scores)
    assert sum(found.ranks.values()) == pytest.approx(k * (k + 1) / 2)
    assert list(found.ranks.values()) == sorted(found.ranks.values())
    if found.rejects:
        for group in found.groups:
            assert found.ranks[group[-1]] - found.ranks[group[0]] < found.critical_difference
    if found.friedman is not None:
        assert set().union(*found.groups) == set(scores)
        if len(set(found.ranks.values())) > 1:  # scipy divides 0 by 0 where all are equal
            assert found.friedman.chi2 == pytest.approx(stats.friedmanchisquare(*scores.values()).statistic)
