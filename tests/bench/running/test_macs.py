"""The verbs ``models`` and ``plan``, and the counters of a run, say the same number of multiply-accumulates."""

import json

import pytest
import torchvision

from decompbench.bench.measure import count_model
from decompbench.bench.planning.build import (
    create_trial_method,
    create_trial_model,
    create_trial_plan,
    create_trial_task,
)
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import decompbench, write_suite


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "swin_t"])
def test_models_plan_and_run_say_the_same(name, tmp_path):
    entry = {"model": f"torchvision/{name}", "task": "size", "data": "noise", "methods": ["dense"]}
    path = write_suite(tmp_path, recipe={"epochs": 0}, entries=[entry])
    (listed,) = json.loads(decompbench("models", f"torchvision/{name}", "--json").stdout)
    (planned,) = json.loads(decompbench("plan", path, "--json", results=tmp_path).stdout)

    (trial,) = expand(load_suite(str(path)))
    task = create_trial_task(trial)
    model, example = create_trial_model(trial, task.model_kwargs()), task.example()
    made = create_trial_plan(trial, create_trial_method(trial), model, example)
    macs = made.before.macs + made.linear_macs
    counts = count_model(model, example, planned_weights=made.before.weights, planned_macs=macs, what="dense")

    assert listed["macs"] == planned["size"]["dense_macs"] == counts.macs == counts.macs_torch == macs
    published = torchvision.models.get_model_weights(name).DEFAULT.meta["_ops"]
    assert macs == pytest.approx(1e9 * published, abs=0.6e6)
