"""The trials' ends and their settings."""

import pytest

from decompbench.bench.records.record import Failure, KnobRange

from ...factories import make_record, measured, planned
from .factories import compared, findings


@pytest.mark.parametrize("status", ["skipped", "diverged", "oom", "timeout", "failed"])
def test_a_row_that_is_no_longer_ok_is_a_regression_and_the_way_back_an_improvement(svd, status):
    good = svd(90.0)
    (bad,) = svd(90.0, status=status)
    bad = [bad.model_copy(update={"failure": Failure(type="ValueError", message="no\ngood", stage="training")})]
    (row,) = compared(good, bad).rows
    (finding,) = [one for one in row.findings if one.kind == "status"]
    assert (finding.verdict, finding.before, finding.after) == ("regression", "ok", status)
    assert finding.change == "while training: ValueError: no good"
    assert ("status", "improvement") in findings(bad, good)
    assert findings(bad, bad) == []


def test_one_failure_for_another_is_told_and_no_regression(svd):
    assert findings(svd(90.0, status="failed"), svd(90.0, status="timeout")) == [("status", "changed")]


def test_a_row_that_vanished_is_a_regression_and_a_new_one_is_none(everything):
    fewer = [record for record in everything if record.trial.method.name != "svd"]
    assert findings(everything, fewer) == [("status", "regression")]
    assert findings(fewer, everything) == [("status", "changed")]
    failed = [record.model_copy(update={"status": "failed"}) for record in everything]
    assert findings(failed, []) == [("status", "changed")] * 3


def test_a_seed_that_vanished_is_a_regression_of_its_own(svd):
    assert findings(svd(90.0, 90.0, 90.0), svd(90.0)) == [("status, seeds 1, 2", "regression")]


def test_a_suite_of_which_b_has_nothing_is_named(everything):
    other = [
        record.model_copy(update={"trial": record.trial.model_copy(update={"suite": "other"})}) for record in everything
    ]
    comparison = compared([*everything, *other], everything)
    assert comparison.summary().startswith("3 regressions in 3 of 6 rows")
    assert any("nothing of other" in note for note in comparison.notes)


def test_what_was_set_otherwise_is_told_and_judged_neither_way(trials):
    recipe = trials["svd", 0].recipe.model_copy(update={"epochs": 7.0})
    changed = trials["svd", 0].model_copy(update={"recipe": recipe, "suite_version": 2})
    a, b = (make_record(trial, **measured(90.0)) for trial in (trials["svd", 0], changed))
    b = b.model_copy(
        update={
            "identity": b.identity | {"data": b.identity["data"] | {"revision": "e"}},
            "method": b.method.model_copy(update={"version": 2, "settings": {"rank": 0.5, "new": True}}),
        }
    )
    a = a.model_copy(update={"method": a.method.model_copy(update={"settings": {"rank": 0.4}})})
    names = ["recipe.epochs", "suite version", "method version", "rank", "data revision"]
    assert findings([a], [b]) == [(name, "changed") for name in names]
    (row,) = compared([a], [b]).rows
    assert [(one.before, one.after) for one in row.findings[:5]] == [
        ("–", "7.0"), ("1", "2"), ("1", "2"), ("0.4", "0.5"), ("d", "e"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "texts"), [(0.5, ("rank 0.25", "rank 0.25–0.5")), (0.2500000001, ("rank 0.25", "rank 0.25–0.2500000001"))]
)
def test_another_setting_chosen_by_the_budget_is_told(svd, low, texts):
    sizes = [planned(0.5) | {"knob": KnobRange(field="rank", low=0.25, high=high)} for high in (0.25, low)]
    (row,) = compared(svd(90.0, planned=sizes[0]), svd(90.0, planned=sizes[1] | {"compressed_layers": 2})).rows
    knob, layers = (one for one in row.findings if one.verdict == "changed")
    assert (knob.what, knob.before, knob.after) == ("knob, set by the budget", *texts)
    assert (layers.before, layers.after) == ("1 of 1", "2 of 1")
