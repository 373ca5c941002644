"""Counts: one more is a regression, one less an improvement."""

import pytest

from ...factories import counts, planned
from .factories import compared, findings


@pytest.mark.parametrize("name", ["conv_weights", "parameters", "bits", "disk", "macs", "macs_torch", "effective"])
def test_one_more_of_any_count_is_a_regression_and_one_less_an_improvement(svd, name):
    base = counts(1_000_000) | {"effective": 1e6}
    more = base | {name: base[name] + 1}
    (row,) = compared(svd(90.0, counts=base), svd(90.0, counts=more)).rows
    (finding,) = [one for one in row.findings if one.verdict != "same"]
    assert (finding.what, finding.verdict, finding.change[:2]) == (name, "regression", "+1")
    assert (finding.numbers["a"], finding.numbers["b"]) == (base[name], more[name])
    assert findings(svd(90.0, counts=more), svd(90.0, counts=base)) == [(name, "improvement")]


def test_counts_that_differ_between_seeds_are_told_by_seed(svd):
    before, after = svd(90.0, 90.0, 90.0), svd(90.0, 90.0, 90.0, counts=counts(100) | {"disk": 150})
    assert findings(before, after) == [("disk", "regression")]
    assert findings(before, [*after[:1], before[1], after[2]]) == [("disk, seeds 0, 2", "regression")]
    (row,) = compared(before, after).rows
    assert next(one for one in row.findings if one.what == "disk").change == "+50 (+50.0 %)"


def test_counts_that_one_set_lacks_are_not_made_up(svd):
    """Records of before a count was made have none; one that is no longer made is told."""
    known, unknown = counts(100) | {"macs_shared": 50}, counts(100)
    assert findings(svd(90.0, counts=unknown), svd(90.0, counts=known)) == []
    assert findings(svd(90.0, counts=known), svd(90.0, counts=unknown)) == [("macs_shared", "changed")]


def test_counts_by_conventions_of_papers_and_what_is_not_counted(svd):
    before = {"planned": planned(0.5) | {"other_weights": {"identity": 10}}}
    after = {"planned": planned(0.5) | {"other_weights": {"identity": 9}}}
    after["counts"] = counts(100) | {"not_counted": {"aten::add": 3}}
    told = [("identity", "improvement"), ("not counted in MACs: aten::add", "changed")]
    assert findings(svd(90.0, **before), svd(90.0, **after)) == told
