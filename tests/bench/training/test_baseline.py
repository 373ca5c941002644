"""Baselines: what is written, that it repeats, and that the packaged weights are what they say."""

from __future__ import annotations

import json
import math
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from decompbench.bench.base.cache import baseline_file
from decompbench.bench.base.errors import BenchError
from decompbench.bench.measure import state_sha256
from decompbench.bench.records.store import read_records
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.suite.schema import Limits
from decompbench.bench.suite.trial import expand
from decompbench.bench.tasks import create_task
from decompbench.bench.tasks.super_resolution import SuperResolution
from decompbench.bench.training.baseline import PACKAGED, Baseline, baseline_key, packaged_baseline
from decompbench.bench.training.callbacks import Callbacks
from decompbench.bench.training.train import Diverged
from decompbench.bench.training.train_baseline import train_baseline, train_trial_baseline
from decompbench.models import load_model, packaged_weights, read_weights_metadata

from ..factories import decompbench, short_suite, wait_for

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
    result = train_baseline(TINY, tmp_path, callbacks=Callbacks(on_step=lambda *call: steps.append(call)))
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
    callbacks = Callbacks(on_step=lambda *_: pytest.fail("trained"))
    with pytest.raises(BenchError, match="cannot be written"):
        train_baseline(TINY, tmp_path / "file" / "weights.safetensors", callbacks=callbacks)


@pytest.mark.parametrize("what", ["weights", "metric"])
def test_nothing_is_written_of_a_model_that_is_not_finite(tmp_path: Path, cache: Path, monkeypatch, what: str) -> None:
    if what == "weights":  # in the only step: its loss was finite
        recipe = Recipe(epochs=0.25, batch_size=4, optimizer="momentum", lr=3e38, weight_decay=1e3)
    else:
        recipe = Recipe(epochs=0)
        monkeypatch.setattr(SuperResolution, "evaluate", lambda *_: {"psnr_y": math.nan, "ssim_y": 1.0})
    with pytest.raises(Diverged, match="finite" if what == "weights" else "psnr_y is nan"):
        train_baseline(replace(TINY, recipe=recipe), tmp_path)
    assert not list(tmp_path.iterdir())
    assert not list((cache / "checkpoints").glob("*.pt"))


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


# --- the baseline of a suite's entry


def suite_with_baseline(folder: Path, **recipe: object) -> Path:
    """Write a suite of two trials that start from a dense model trained for some steps."""
    path = short_suite(folder, ["svd"], plugins=[], recipe={"epochs": 0})
    content = yaml.safe_load(path.read_text())
    content["entries"][0]["baseline"] = {"recipe": {"epochs": 3, "batch_size": 4, "lr": 0.01} | recipe}
    content["measure"]["threads"] = 1
    path.write_text(yaml.safe_dump(content))
    return path


def test_an_entry_trains_its_baseline_once_and_every_trial_starts_from_it(tmp_path: Path, cache: Path) -> None:
    path = suite_with_baseline(tmp_path)
    known = set((cache / "baselines").glob("*.safetensors"))
    run = decompbench("run", path, results=tmp_path / "results")
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("training the baseline of") == 1
    (file,) = set((cache / "baselines").glob("*.safetensors")) - known
    records, _ = read_records(run.records_file)
    for record in records:
        start = record.measured.start
        assert start is not None
        assert (start.source, start.key) == ("baseline", file.stem)
        assert start.recipe is not None
        assert start.recipe["epochs"] == 3
        assert start.quality == record.measured.quality["start"]
        weights = record.identity["weights"]
        assert (weights["from"], weights["start"]) == ("baseline", {"from": "seed"})
        assert weights["recipe"]["epochs"] == 3
    model = load_model("resnet8", pretrained=file, in_chans=3, num_classes=2)
    assert records[0].measured.state_sha256 == start.sha256 == state_sha256(model)
    # run anew: the weights are there
    before = file.stat().st_mtime_ns
    again = decompbench("run", path, "--redo", "all", results=tmp_path / "again")
    assert "training the baseline" not in again.stderr
    assert file.stat().st_mtime_ns == before
    # where all trials have a record, the weights are not needed
    file.unlink()
    third = decompbench("run", path, "--json", results=tmp_path / "results")
    assert json.loads(third.stdout)["new"] == 0
    assert not file.exists()
    # planning trains nothing
    assert decompbench("plan", path).returncode == 0
    assert not file.exists()


def test_a_damaged_baseline_is_put_aside_and_trained_anew(tmp_path: Path, cache: Path) -> None:
    path = suite_with_baseline(tmp_path, lr=0.02)
    known = set((cache / "baselines").glob("*.safetensors"))
    decompbench("run", path, results=tmp_path / "results")
    (file,) = set((cache / "baselines").glob("*.safetensors")) - known
    content = file.read_bytes()
    flipped = content[:-50] + bytes([content[-50] ^ 1]) + content[-49:]
    for damaged in (content[:-100], b"", b"\0" * len(content), flipped):
        file.write_bytes(damaged)
        run = decompbench("run", path, "--redo", "all", "--only", "*dense*", results=tmp_path / "results")
        assert run.returncode == 0, run.stderr
        assert run.stderr.count("trained anew") == 1
        assert file.read_bytes() == content
        assert file.with_suffix(".damaged").read_bytes() == damaged


def test_the_weights_are_on_the_disk_before_the_state_is_gone(tmp_path: Path, cache: Path, monkeypatch) -> None:
    """What a power cut leaves is what was synced: file and name of the weights, and only then a removed state."""
    synced: list[str] = []

    def sync(descriptor: int, sync=os.fsync) -> None:
        sync(descriptor)
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        if synced[-1] == str(tmp_path):
            synced.append(f"{len(list((cache / 'checkpoints').glob('*.pt')))} states")

    monkeypatch.setattr(os, "fsync", sync)
    path = train_baseline(TINY, tmp_path, checkpoint_seconds=0).path
    assert synced[-3] == str(tmp_path / f".{path.name}.{os.getpid()}.tmp")
    assert synced[-2:] == [str(tmp_path), "1 states"]
    assert not list((cache / "checkpoints").glob("*.pt"))


def test_a_baseline_that_diverges_ends_its_trials_so(tmp_path: Path, cache: Path) -> None:
    run = decompbench("run", suite_with_baseline(tmp_path, lr=1e30, epochs=20), results=tmp_path / "results")
    assert run.returncode == 1
    records, _ = read_records(run.records_file)
    assert [record.status for record in records] == ["diverged", "diverged"]
    assert all(record.failure and "the baseline" in record.failure.message for record in records)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({}, 86400), ({"seconds": 3e5}, 3e5), ({"seconds": 3e5, "baseline_seconds": 50}, 50)],
)
def test_a_baseline_has_a_day_or_the_time_of_a_trial(limits: dict[str, float], expected: float) -> None:
    assert Limits(**limits).seconds_for_baseline == expected


def test_the_key_is_over_all_that_makes_the_weights(tmp_path: Path) -> None:
    task = create_task("super_resolution", "photographs", **TINY.task_options)
    known = baseline_key(TINY, task, "start", "cpu")
    assert known == baseline_key(TINY, task, "start", "cpu")
    others = [
        baseline_key(replace(TINY, seed=4), task, "start", "cpu"),
        baseline_key(replace(TINY, recipe=TINY.recipe.model_copy(update={"lr": 1.0})), task, "start", "cpu"),
        baseline_key(replace(TINY, devices=2), task, "start", "cpu"),
        baseline_key(replace(TINY, task_options={}), task, "start", "cpu"),
        baseline_key(TINY, task, "other weights", "cpu"),
        baseline_key(TINY, task, "start", "a GPU"),
    ]
    assert len({known, *others}) == 7


def test_a_baseline_that_was_ended_goes_on(tmp_path: Path, cache: Path) -> None:
    expected = train_baseline(TINY, tmp_path / "whole.safetensors").path.read_bytes()

    def end(epoch: int, step: int, total: int, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_baseline(TINY, tmp_path / "ended.safetensors", callbacks=Callbacks(on_step=end), checkpoint_seconds=0)
    assert len(list((cache / "checkpoints").glob("*.pt"))) == 1
    steps = []
    again = train_baseline(
        TINY, tmp_path / "ended.safetensors", callbacks=Callbacks(on_step=lambda *call: steps.append(call[1]))
    )
    assert steps == [3, 4]
    assert again.path.read_bytes() == expected
    assert not list((cache / "checkpoints").glob("*.pt"))


def test_two_runs_at_once_train_one_baseline(tmp_path: Path, cache: Path) -> None:
    (trial, *_) = expand(load_suite(str(suite_with_baseline(tmp_path))))
    told: list[list[str]] = [[], []]

    def train_it(events: list[str]) -> None:
        emit = lambda name, value: events.append(value) if name == "stage" else None  # noqa: E731
        train_trial_baseline(emit, trial, "of this test")

    threads = [threading.Thread(target=train_it, args=(events,)) for events in told]
    with FileLock(baseline_file("of this test").with_suffix(".lock")):
        for thread in threads:
            thread.start()
        wait_for(lambda: all(told))
    for thread in threads:
        thread.join()
    assert sorted("training the baseline" in events for events in told) == [False, True]
    assert baseline_file("of this test").is_file()
