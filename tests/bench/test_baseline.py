"""Baselines: what is written, that it repeats, and that the packaged weights are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from decompbench.bench.baseline import PACKAGED, Baseline, packaged_baseline, train_baseline
from decompbench.bench.errors import BenchError
from decompbench.bench.recipe import Recipe
from decompbench.bench.tasks import create_task
from decompbench.models import load_model, packaged_weights, read_weights_metadata

TINY = Baseline(
    "edsr-r1f4x2",
    "super_resolution",
    "photographs",
    Recipe(epochs=1, batch_size=4, optimizer="adam", lr=1e-3, weight_decay=0),
    seed=3,
    task_options={"patch_size": 8, "patches_per_epoch": 16},
)


def test_written_weights_load_and_score_as_they_say(tmp_path: Path) -> None:
    steps = []
    result = train_baseline(TINY, tmp_path, on_step=lambda *call: steps.append(call))
    assert result.path == tmp_path / "edsr-r1f4x2--photographs.safetensors"
    assert len(steps) == result.training.steps == 4
    model = load_model("edsr-r1f4x2", pretrained=result.path)
    task = create_task("super_resolution", "photographs")
    assert task.evaluate(model) == pytest.approx(result.metrics, abs=1e-6)
    metadata = read_weights_metadata(result.path)
    assert metadata["metrics"] == result.metrics
    assert metadata["seed"] == 3
    assert metadata["kwargs"] == {"in_chans": 3}
    assert metadata["data_revision"] == task.data_revision
    assert Recipe.model_validate(metadata["recipe"]) == TINY.recipe


def test_the_same_baseline_gives_the_same_bytes(tmp_path: Path) -> None:
    first = train_baseline(TINY, tmp_path / "first.safetensors").path
    second = train_baseline(TINY, tmp_path / "new" / "second.safetensors").path
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["first.safetensors", "new", "second.safetensors"]


def test_an_output_that_cannot_be_written_is_said_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot be written"):
        train_baseline(TINY, tmp_path / "file" / "weights.safetensors", on_step=lambda *_: pytest.fail("trained"))


def test_names_with_slashes_make_one_file_name() -> None:
    baseline = Baseline("timm/resnet18", "classification", "imagefolder:/data/pets", Recipe())
    assert baseline.file_name == "timm_resnet18--imagefolder__data_pets.safetensors"


def test_unknown_packaged_baseline() -> None:
    assert packaged_baseline("resnet8", "fashion-mnist-10k").task == "classification"
    with pytest.raises(BenchError, match=r"did you mean 'resnet8'.*edsr-r4f32x2 on photographs"):
        packaged_baseline("resnet88")
    with pytest.raises(BenchError, match="resnet8 on photographs"):
        packaged_baseline("resnet8", "photographs")


@pytest.mark.parametrize("baseline", PACKAGED, ids=lambda baseline: baseline.model)
def test_packaged_weights_are_of_the_recipe_and_score_as_they_say(baseline: Baseline) -> None:
    (weights,) = packaged_weights(baseline.model)
    assert weights.path.name == baseline.file_name
    assert Recipe.model_validate(weights.metadata["recipe"]) == baseline.recipe
    assert weights.metadata["task_options"] == baseline.task_options
    assert weights.metadata["seed"] == baseline.seed
    task = create_task(baseline.task, baseline.data)
    assert weights.metadata["data_revision"] == task.data_revision
    values = task.evaluate(load_model(baseline.model, pretrained=baseline.data))
    # Another machine's rounding may turn an image or two.
    main = task.metrics[0].name
    assert values[main] == pytest.approx(weights.metadata["metrics"][main], abs=0.15 if main == "top1" else 0.005)
