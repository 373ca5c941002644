"""Size and speed alone: trials without training and without a score."""

import json

import pytest
import torch

from decompbench.bench.tasks import TaskError, create_task, outline_task

from ..factories import decompbench, write_suite


def test_inputs_are_noise_of_the_size_that_models_are_planned_for():
    task = create_task("size", "noise", image_size=64, channels=1)
    assert outline_task("size", "noise", image_size=64, channels=1).example_shape == task.example().shape[1:]
    assert torch.equal(task.example(4), task.example(4))
    assert abs(task.example(8).mean()) < 0.05
    assert abs(task.example(8).std() - 1) < 0.05


def test_nothing_can_be_trained():
    with pytest.raises(TaskError, match="set epochs: 0 in the recipe"):
        next(create_task("size", "noise").train_batches(2, torch.Generator()))


def test_a_suite_has_counts_and_latencies_and_no_quality(tmp_path):
    entry = {
        "model": "resnet8",
        "task": "size",
        "data": "noise",
        "task_options": {"image_size": 32},
        "methods": ["svd"],
        "budgets": [{"params": 0.3}],
        "recipe": {"epochs": 0},
    }
    suite = write_suite(
        tmp_path, {"name": "sizes", "entries": [entry], "measure": {"batch_sizes": [1], "seconds": 0.1}}
    )
    run = decompbench("run", str(suite), results=tmp_path / "results")
    assert run.returncode == 0, run.stdout + run.stderr
    records = [json.loads(line) for line in run.records_file.read_text().splitlines()]
    assert len(records) == 2
    for measured in (record["measured"] for record in records):
        assert measured["latency"][0]["median"] > 0
        assert measured["counts"]["conv_weights"] == measured["planned"]["weights"]
        assert measured["metric"] is None
        assert measured["training"]["steps"] == 0
    board = decompbench("leaderboard", str(suite), "--format", "markdown", results=tmp_path / "results").stdout
    assert "time b1 / dense" in board
    assert "drop" not in board
