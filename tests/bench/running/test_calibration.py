"""Calibration in the harness: training inputs only, as many as asked for, in the record and in its times."""

import time

import pytest
import torch

from decompbench.bench.data import ClassificationData
from decompbench.bench.running import run_trial
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.bench.tasks import create_task
from decompbench.bench.tasks.classification.task import Classification, ClassificationOptions

from ..factories import suite_content, write_suite


def numbered_task():
    """80 training and 20 test images, each of one value: its index."""
    images = torch.arange(100, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 3, 3).contiguous()
    labels = torch.arange(100) % 2
    data = ClassificationData.create("numbers", (images[:80], labels[:80]), (images[80:], labels[80:]), ("even", "odd"))
    return Classification(data, ClassificationOptions(flip=False, crop_padding=0, mean=(0,), std=(1 / 255,)))


def drawn(samples, seed=0):
    return [batch[:, 0, 0, 0].round().int().tolist() for batch in numbered_task().calibration_batches(samples, seed)]


def test_inputs_are_different_ones_of_the_training_data():
    values = [value for batch in drawn(20) for value in batch]
    assert len(set(values)) == 20
    assert max(values) < 80


@pytest.mark.parametrize("samples", [1, 7, 64])
def test_there_are_as_many_as_asked_for(samples):
    assert sum(map(len, drawn(samples))) == samples


def test_there_are_no_more_than_an_epochs_full_batches():
    assert sum(map(len, drawn(1000))) == 64


def test_the_seed_decides_which():
    assert drawn(7, seed=1) == drawn(7, seed=1) != drawn(7, seed=2)


@pytest.fixture(scope="module")
def task():
    return create_task("classification", "fashion-mnist-10k", crop_padding=1).validation_split(0.02)


class FinishedError(Exception):
    """The model is finished: what comes after it is of no interest here."""


def execute(folder, task, **settings):
    """Run a trial of a trained ResNet-8 until it is compressed, and return what is recorded."""
    content = suite_content()
    content["entries"][0] |= {
        "pretrained": True,
        "methods": [{"name": "group", **settings}],
        "budgets": [{"params": 0.3}],
        "recipe": {"epochs": 0},
    }
    trial = expand(load_suite(str(write_suite(folder, content))))[1]
    measured = {}

    def emit(kind, value):
        if kind == "measured":
            measured.update([value])
        if (kind, value) == ("stage", "counting"):
            raise FinishedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_trial, "create_trial_task", lambda _: task)
        with pytest.raises(FinishedError):
            run_trial.execute(emit, trial)
    return measured


def test_a_method_that_asks_for_inputs_gets_them(tmp_path, task):
    plain = execute(tmp_path, task)
    refitted = execute(tmp_path, task, refit="ridge", samples=96)
    assert refitted["plan"]["method"]["settings"]["samples"] == 96
    assert refitted["decomposition"].after["top1"] > plain["decomposition"].after["top1"] + 20
    again = execute(tmp_path, task, refit="ridge", samples=96)
    assert again["state_sha256"] == refitted["state_sha256"]


def test_sensitivities_are_measured_on_training_inputs(tmp_path, task):
    seen = []

    class Watched(Classification):
        def calibration_batches(self, samples, *args, **kwargs):
            seen.append(samples)
            return super().calibration_batches(samples, *args, **kwargs)

    watched = Watched(task.data, task.options)
    uniform = execute(tmp_path, watched)
    assert seen == []
    shared = execute(tmp_path, watched, name="svd", allocate="sensitivity")
    assert seen == [128]
    assert "allocation" not in uniform["plan"]
    assert shared["plan"]["allocation"]["error"] <= shared["plan"]["allocation"]["uniform_error"]


def test_the_time_to_compress_has_the_drawing_in_it(tmp_path, task):
    class Slow(Classification):
        def calibration_batches(self, *args, **kwargs):
            time.sleep(0.2)
            yield from super().calibration_batches(*args, **kwargs)

    slow = Slow(task.data, task.options)
    measured = execute(tmp_path, slow, refit="ridge", samples=4)
    assert measured["compress_seconds"] >= measured["begin_seconds"] >= 0.2
