"""Trainings that are repeated: only where the suite says so, and then as often as the method's paper does."""

import numpy as np
import pytest
from PIL import Image

from decompbench.bench.running.run_trial import execute
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import suite_content, write_suite


class TrainedError(Exception):
    """Training is over: what comes after it is of no interest here."""


def epochs_trained(trial):
    """Run a trial up to the end of its training and return for how many epochs that was."""
    epochs = []

    def emit(kind, value):
        if kind == "measured" and value[0] == "training":
            epochs.append(value[1].epochs)
            raise TrainedError

    with pytest.raises(TrainedError):
        execute(emit, trial)
    return epochs[0]


@pytest.mark.parametrize(
    ("cycles", "expected"),
    [
        (None, {"dense": 1, "svd": 1, "fsnet": 1}),
        (2, {"dense": 2, "svd": 2, "fsnet": 2}),
        ("method", {"dense": 1, "svd": 1, "fsnet": 4}),
    ],
)
def test_a_suite_decides_on_cycles(cycles, expected, tmp_path):
    for part in ("train", "test"):
        for kind in ("dark", "light"):
            (tmp_path / "images" / part / kind).mkdir(parents=True)
            pixels = np.full((16, 16, 3), 60 if kind == "dark" else 200, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / part / kind / "0.png")
    recipe = {"epochs": 1} if cycles is None else {"epochs": 1, "cycles": cycles}
    content = suite_content(recipe=recipe, measure={"threads": 1})
    content["entries"][0] |= {"methods": ["svd", "fsnet"], "budgets": [], "data": "imagefolder:images"}
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    assert {trial.method.name: epochs_trained(trial) for trial in trials} == expected
