"""A trial's events: each result is told when it is there, in an order that is part of the promise."""

from __future__ import annotations

import pytest

from decompbench.bench.running.run_trial import execute
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import short_suite

ORDER = [
    "loading", ".runtime", ".metric", ".unit", ".higher_is_better", ".also_shown", ".start",
    "evaluating (start)", ".quality", "planning", ".plan", ".planned",
    "compressing", ".begin_seconds", "evaluating (begun)", ".quality",
    "training", ".training", "evaluating (trained)", ".quality",
    "finishing", ".finish_seconds", ".compress_seconds", ".state_sha256", "evaluating (finished)", ".quality",
    ".decomposition", "counting", ".dense_counts", ".counts",
    "timing at batch 1", ".latency", "evaluating (deployed)", ".quality", ".peak_rss",
]  # fmt: skip


def events_of(folder, method, **changes):
    """Return the events of a trial of a method, run in this process, without its steps."""
    trial = expand(load_suite(str(short_suite(folder, [method], plugins=[], **changes))))[-1]
    events = []
    execute(lambda *event: events.append(event), trial)
    return [event for event in events if event[0] != "step"]


@pytest.mark.parametrize(
    ("method", "halves"),
    [("svd", ("start", "begun")), ({"name": "tucker2", "learn": "arp", "epsilon": 0}, ("trained", "finished"))],
    ids=["at begin", "at finish"],
)
def test_a_trial_tells_each_result_when_it_is_there(tmp_path, method, halves):
    events = events_of(tmp_path, method, recipe={"epochs": 2, "batch_size": 4, "lr": 0.01})
    told = [f".{value[0]}" if name == "measured" else value for name, value in events]
    assert told == ORDER
    measured = dict(value for name, value in events if name == "measured")
    quality, decomposition = measured["quality"], measured["decomposition"]
    assert list(quality) == ["start", "begun", "trained", "finished", "deployed"]
    assert (decomposition.before, decomposition.after) == tuple(quality[moment] for moment in halves)


def test_learning_curves_are_measured_where_asked_for_and_change_nothing(tmp_path):
    trainings, states = [], []
    for number, curves in enumerate((False, True)):
        measure = {"batch_sizes": [1], "seconds": 0.05, "curves": curves}
        folder = tmp_path / str(number)
        folder.mkdir()
        recipe = {"epochs": 2, "batch_size": 4, "lr": 0.01}
        events = events_of(folder, "svd", recipe=recipe, measure=measure)
        measured = dict(value for name, value in events if name == "measured")
        trainings.append(measured["training"].history)
        states.append(measured["state_sha256"])
    plain, curved = trainings
    assert states[0] == states[1]
    # ten images are too few for a tenth of the training data
    assert [set(line) - set(plain[0]) for line in curved] == 2 * [{"test_top1", "test_cross_entropy"}]
    assert curved[-1]["test_top1"] == measured["quality"]["trained"]["top1"]


def test_a_model_whose_quality_is_not_finite_has_diverged_where_it_was_finished(tmp_path, monkeypatch):
    from decompbench.bench.tasks.classification.task import Classification

    monkeypatch.setattr(Classification, "evaluate", lambda *_: {"top1": float("nan"), "cross_entropy": 1.0})
    events = events_of(tmp_path, "svd", recipe={"epochs": 0})
    (verdict,) = (value for name, value in events if name == "verdict")
    assert verdict == ("diverged", "the finished model's top1 is not a finite number")
    assert [value for name, value in events if name == "stage"][-1] == "evaluating (finished)"


def test_a_method_that_leaves_every_layer_alone_is_skipped(tmp_path):
    events = events_of(tmp_path, {"name": "svd", "overrides": {"*": None}})
    (verdict,) = (value for name, value in events if name == "verdict")
    assert verdict[0] == "skipped"
    assert "svd compresses no layer" in verdict[1]
    assert [value for name, value in events if name == "stage"][-1] == "planning"


def test_sizes_that_training_chose_are_those_of_the_record(tmp_path):
    method = {"name": "tucker2", "learn": "nuclear", "shrink": 0.05, "refresh": 1, "budgets": [{"params": 0.4}]}
    events = events_of(tmp_path, method, recipe={"epochs": 1, "batch_size": 4, "lr": 0.01})
    plans = [value[1] for name, value in events if name == "measured" and value[0] == "plan"]
    sizes = [value[1] for name, value in events if name == "measured" and value[0] == "planned"]
    counts = next(value[1] for name, value in events if name == "measured" and value[0] == "counts")
    assert len(plans) == len(sizes) == 2
    assert plans[0] != plans[1]
    assert counts.conv_weights == sizes[1].weights <= sizes[0].weights
    assert sizes[1].knob is None
    assert sizes[0].knob is not None
    assert sizes[1].budget_ratio <= 0.4
