"""A training that is ended goes on to the very weights that it would have had; a bad state is never gone on from."""

from __future__ import annotations

import io
import os
import resource
import signal

import pytest
import torch
from torch import nn

from decompbench.bench.base.cache import checkpoint_file, remove_checkpoint
from decompbench.bench.base.process import run_in_process
from decompbench.bench.base.runtime import configure
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.suite.trial import expand
from decompbench.bench.tasks import create_task
from decompbench.bench.training.callbacks import Callbacks
from decompbench.bench.training.checkpoint import Checkpoint
from decompbench.bench.training.loop import READ_EVERY
from decompbench.bench.training.train import Diverged, TrainResult, train
from decompbench.methods import begin, get_method, plan
from decompbench.models import load_model

from ..factories import short_suite
from .made_hooks import hooks

KEY = "of these tests"


class EndedError(Exception):
    """Stands for whatever ends a training."""


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    """Sums in a fixed order, as in a trial's process: with several threads, gradients of indexing have none else."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    configure()
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@pytest.fixture(scope="module")
def task():
    return create_task("classification", "fashion-mnist-10k").validation_split(0.96)


def begun(method):
    """Return a session on a fresh network, always the same, with dropout before its classifier."""
    torch.manual_seed(0)
    model = load_model("resnet8", in_chans=1, num_classes=10)
    model.fc = nn.Sequential(nn.Dropout(0.3), model.fc)
    return begin(model, plan(model, get_method(method.pop("name"), **method), torch.zeros(1, 1, 28, 28)))


def trained(task, recipe, method, path, end_at=None):
    """Train for as long as it is let, each step's state being kept; return result, state and the steps taken."""
    session, taken = begun(dict(method)), []

    def on_step(epoch, step, total, loss):
        taken.append(step)
        if step == end_at:
            raise EndedError

    result = train(
        session.model,
        task,
        recipe,
        seed=1,
        hooks=session,
        callbacks=Callbacks(on_step=on_step),
        checkpoint=path and Checkpoint(path, KEY, seconds=0),
    )
    return result, session.finish().state_dict(), taken


def assert_equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


RECIPES = {
    "plain": {"optimizer": "sgd"},
    "adam, clipped, two cycles": {"optimizer": "adam", "lr": 1e-3, "clip_grad": 1.0, "epochs": 0.75, "cycles": 2},
    "moving average": {"ema": {"decay": 0.9}},
    "in parts": {"accumulate": 2, "schedule": "step", "milestones": [0.4]},
}
METHODS = {
    "dense": {"name": "dense"},
    "arp": {"name": "tucker2", "learn": "arp", "eta": 1.0, "refresh": 2, "exact": 5, "epsilon": 0},
    "lc": {"name": "tucker2", "learn": "lc", "every": 4, "epsilon": 0},
    "nuclear": {"name": "tucker2", "learn": "nuclear", "refresh": 3},
    "shared codebook": {"name": "kmeans", "clusters": 16},
}


@pytest.mark.parametrize(
    ("fields", "method"),
    [(name, "dense") for name in RECIPES] + [("moving average", name) for name in METHODS if name != "dense"],
)
def test_goes_on_to_the_same_bits(task, tmp_path, fields, method):
    recipe = Recipe(**{"epochs": 1.5, "batch_size": 50, "lr": 0.02, **RECIPES[fields]})  # eight steps an epoch
    whole, expected, _ = trained(task, recipe, METHODS[method], None)
    for end_at in (3, 9):  # within the first epoch, and within the second
        with pytest.raises(EndedError):
            trained(task, recipe, METHODS[method], tmp_path / "state", end_at)
    result, found, taken = trained(task, recipe, METHODS[method], tmp_path / "state")
    assert taken == [9, 10, 11, 12]
    assert_equal(expected, found)
    assert (result.epochs, result.steps, result.converged) == (whole.epochs, whole.steps, whole.converged)
    for line, other in zip(whole.history, result.history, strict=True):
        assert {**line, "seconds": 0} == {**other, "seconds": 0}
    # and from a training that was ended after its last step, nothing is trained again
    _, found, taken = trained(task, recipe, METHODS[method], tmp_path / "state")
    assert not taken
    assert_equal(expected, found)


def test_seconds_are_those_of_all_runs(task, tmp_path):
    recipe = Recipe(epochs=1, batch_size=100)
    with pytest.raises(EndedError):
        trained(task, recipe, METHODS["dense"], tmp_path / "state", end_at=3)
    state = Checkpoint(tmp_path / "state", KEY).read(pytest.fail)
    assert (state["course"]["done"], state["course"]["position"]) == (2, 2)
    state["course"]["seconds"] += 1000
    Checkpoint(tmp_path / "state", KEY).write(state, pytest.fail)
    result, _, _ = trained(task, recipe, METHODS["dense"], tmp_path / "state")
    assert 1000 < result.seconds < 1100


def linear(task, checkpoint, **watched) -> tuple[TrainResult, nn.Module]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    callbacks = Callbacks(**{"on_note": pytest.fail, **watched})
    return train(model, task, Recipe(batch_size=100), callbacks=callbacks, checkpoint=checkpoint), model


def test_going_on_from_a_kept_state_is_said(task, tmp_path):
    checkpoint, said = Checkpoint(tmp_path / "state", KEY, seconds=0), []
    result, _ = linear(task, checkpoint, on_resume=lambda *step: said.append(step))
    assert said == []
    linear(task, checkpoint, on_resume=lambda *step: said.append(step))
    assert said == [(result.steps, result.steps)]


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_state_kept_at_the_moment_of_convergence_has_the_line_of_its_epoch(task, tmp_path, monkeypatch, every):
    """The process is ended after the last look at the losses, before the end of the epoch."""
    monkeypatch.setitem(READ_EVERY, "cpu", every)
    keep = Checkpoint.write

    def write_and_end(checkpoint, state, note):
        keep(checkpoint, state, note)
        if state["course"]["converged"]:
            raise EndedError

    def run(checkpoint):
        torch.manual_seed(0)
        model, asked = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), []

        def converged():
            asked.append(1)
            return len(asked) * every >= 3

        return train(model, task, Recipe(batch_size=80), hooks=hooks(converged=converged), checkpoint=checkpoint), asked

    whole, _ = run(None)
    checkpoint = Checkpoint(tmp_path / "state", KEY, seconds=0)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", write_and_end)
        with pytest.raises(EndedError):
            run(checkpoint)
    again, asked = run(checkpoint)
    assert not asked
    assert (again.steps, again.epochs, again.converged) == (whole.steps, whole.epochs, True)
    assert [{**line, "seconds": 0} for line in again.history] == [{**line, "seconds": 0} for line in whole.history]


@pytest.mark.parametrize(
    ("seconds", "epoch_seconds", "expected"),
    [(1e9, 1e9, []), (1e9, 0, [4, 8]), (0, 1e9, [1, 2, 3, 4, 4, 5, 6, 7, 8, 8])],
)
def test_the_state_is_kept_in_time_and_not_after_every_short_epoch(
    task, tmp_path, monkeypatch, seconds, epoch_seconds, expected
):
    kept = []
    monkeypatch.setattr(Checkpoint, "write", lambda _, state, note: kept.append(state["course"]["done"]))
    checkpoint = Checkpoint(tmp_path / "state", KEY, seconds=seconds, epoch_seconds=epoch_seconds)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    train(model, task, Recipe(epochs=2, batch_size=100), seed=0, checkpoint=checkpoint)
    assert kept == expected


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damage, "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: Checkpoint(path, "another").write({}, pytest.fail), "another training"),
    ],
)
def test_a_state_that_is_not_this_trainings_own_is_left_aside_and_said(task, tmp_path, spoil, message):
    checkpoint = Checkpoint(tmp_path / "state", KEY, seconds=0)
    _, expected = linear(task, checkpoint)
    spoil(checkpoint.path)
    notes = []
    result, model = linear(task, checkpoint, on_note=notes.append)
    assert [message in note and "anew" in note for note in notes] == [True]
    assert result.notes == notes
    assert_equal(expected.state_dict(), model.state_dict())
    assert checkpoint.read(pytest.fail)["course"]["done"] == 4  # a good one has taken its place


def test_a_disk_that_is_full_is_said_and_training_goes_on(task, tmp_path):
    _, expected = linear(task, None)
    notes = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        _, model = linear(task, Checkpoint(tmp_path / "state", KEY, seconds=0), on_note=notes.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_equal(expected.state_dict(), model.state_dict())
    assert ["cannot be kept" in note and "too large" in note for note in notes] == [True]  # said once
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_does_so_again(task, tmp_path):
    checkpoint = Checkpoint(tmp_path / "state", KEY, seconds=0)
    steps = []
    for _ in range(2):
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        with pytest.raises(Diverged) as caught:
            train(model, task, Recipe(batch_size=50, lr=1e30, optimizer="momentum"), seed=0, checkpoint=checkpoint)
        steps.append(caught.value.step)
    assert steps[0] == steps[1]


# --- a trial's process, really killed


def run_trial(trial, key, kill_at=None):
    """Run a trial in a process; kill it once its state is on disk and so many reports of progress have come."""
    told = {"steps": 0, "killed": False, "measured": {}}

    def on_event(name, value):
        if name == "pid":
            told["pid"] = value
        elif name == "measured":
            told["measured"][value[0]] = value[1]
        elif name == "step":
            told["steps"] += 1
            if kill_at is not None and told["steps"] >= kill_at and checkpoint_file(key).exists():
                os.kill(told["pid"], signal.SIGKILL)
                told["killed"] = True

    outcome = run_in_process("process_functions:execute_and_tell", (trial, key), on_event)
    return outcome, told


@pytest.mark.parametrize(
    ("method", "ema"),
    [("dense", None), ({"name": "tucker2", "learn": "arp", "epsilon": 0}, None), ("svd", {"decay": 0.99})],
    ids=["dense", "arp", "ema"],
)
def test_killed_and_started_again_a_trial_ends_with_the_same_weights(tmp_path, method, ema):
    suite = short_suite(
        tmp_path,
        [] if method == "dense" else [method],
        recipe={"epochs": 40, "batch_size": 2, "lr": 0.01, "ema": ema},
        limits={"checkpoint_seconds": 0.1},
        measure={"batch_sizes": [1], "seconds": 0.1, "threads": 1},
        plugins=[],
    )
    trial = expand(load_suite(str(suite)))[-1]
    remove_checkpoint("whole")
    outcome, whole = run_trial(trial, "whole")
    assert outcome.how == "ok", outcome.trace
    outcome, killed = run_trial(trial, "killed", kill_at=2)
    assert killed["killed"]
    assert outcome.how == "died"
    assert "training" not in killed["measured"]
    assert checkpoint_file("killed").exists()
    done = torch.load(io.BytesIO(checkpoint_file("killed").read_bytes()[32:]))["state"]["course"]["done"]
    assert 0 < done < 4 * 40
    outcome, again = run_trial(trial, "killed")
    assert outcome.how == "ok", outcome.trace
    assert again["measured"]["state_sha256"] == whole["measured"]["state_sha256"]
    first, second = (one["measured"]["training"] for one in (whole, again))
    assert [line["loss"] for line in first.history] == [line["loss"] for line in second.history]
    for key in ("whole", "killed"):
        remove_checkpoint(key)


def test_the_states_are_gone_when_the_records_are_written(smoke, cache):
    assert smoke.records_file.exists()
    assert not list((cache / "checkpoints").glob("*.pt"))
