"""The training loop: the mathematics of a step, determinism, hooks, divergence, and what it leaves behind."""

from __future__ import annotations

import itertools
import math
import time

import pytest
import torch
from torch import Tensor, nn

from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.tasks import create_task
from decompbench.bench.tasks.classification.task import Classification
from decompbench.bench.training.callbacks import Callbacks
from decompbench.bench.training.loop import READ_EVERY
from decompbench.bench.training.train import Diverged, TrainResult, train
from decompbench.models import load_model

from .made_hooks import hooks


@pytest.fixture(scope="module")
def task() -> Classification:
    """A thousand images of the embedded data: the validation split the other way round."""
    whole = create_task("classification", "fashion-mnist-10k")
    small = whole.validation_split(0.9)
    assert isinstance(small, Classification)
    return small


def linear(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(784, 10))


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in model.state_dict().items()}


def test_same_as_a_loop_written_out(task: Classification) -> None:
    """Classical momentum, weight decay on everything, penalty, clipping, cosine schedule."""
    recipe = Recipe(
        epochs=2, batch_size=100, optimizer="momentum", lr=0.1, weight_decay=0.01, decay_all=True, clip_grad=0.5
    )
    model, expected = linear(), linear()

    def penalty(of: nn.Module) -> Tensor:
        return 0.1 * of.get_parameter("2.weight").square().sum()

    result = train(model, task, recipe, seed=7, hooks=hooks(penalty=lambda: penalty(model)))
    velocity = {name: torch.zeros_like(parameter) for name, parameter in expected.named_parameters()}
    generator = torch.Generator().manual_seed(7)
    step, losses = 0, []
    for _ in range(2):
        for images, labels in task.train_batches(100, generator):
            loss = nn.functional.cross_entropy(expected(images), labels)
            expected.zero_grad()
            (loss + penalty(expected)).backward()
            nn.utils.clip_grad_norm_(expected.parameters(), 0.5)
            lr = 0.05 * (1 + math.cos(math.pi * step / 20))
            with torch.no_grad():
                for name, parameter in expected.named_parameters():
                    assert parameter.grad is not None
                    velocity[name] = 0.9 * velocity[name] + parameter.grad + 0.01 * parameter
                    parameter -= lr * velocity[name]
            losses.append(loss.item())
            step += 1
    for key, tensor in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], tensor, rtol=1e-4, atol=1e-6)
    assert (result.epochs, result.steps) == (2, 20)
    assert [line["loss"] for line in result.history] == pytest.approx(
        [sum(losses[:10]) / 10, sum(losses[10:]) / 10], rel=1e-4
    )
    assert result.history[1]["lr"] == pytest.approx(0.05 * (1 + math.cos(math.pi * 19 / 20)))


def test_cycles_go_on_from_each_other(task: Classification) -> None:
    recipe = Recipe(epochs=0.5, batch_size=100, optimizer="momentum", momentum=0, lr=0.1)
    once, twice = linear(), linear()
    result = train(twice, task, recipe.model_copy(update={"cycles": 2}), seed=1)
    assert (result.epochs, result.steps) == (1, 10)
    # plain gradient descent keeps nothing but the weights: two cycles are two trainings over one epoch's batches
    generator = torch.Generator().manual_seed(1)
    batches = list(task.train_batches(100, generator))
    for step, (images, labels) in enumerate(batches):
        once.zero_grad()
        nn.functional.cross_entropy(once(images), labels).backward()
        with torch.no_grad():
            for parameter in once.parameters():
                assert parameter.grad is not None
                decay = 5e-4 * parameter if parameter.ndim > 1 else 0
                parameter -= 0.05 * (1 + math.cos(math.pi * (step % 5) / 5)) * (parameter.grad + decay)
    for key, tensor in once.state_dict().items():
        torch.testing.assert_close(twice.state_dict()[key], tensor, rtol=1e-4, atol=1e-6)


def test_same_seed_same_weights(task: Classification) -> None:
    recipe = Recipe(epochs=0.4, batch_size=32)
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        model = load_model("resnet8", in_chans=1)
        torch.manual_seed(seed * 99)  # the state of the global generator must not matter
        train(model, task, recipe, seed=seed)
        states.append(state_of(model))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["fc.weight"], states[2]["fc.weight"])


def test_dropout_follows_the_seed_and_the_global_generator_is_left_alone(task: Classification) -> None:
    states = []
    for _ in range(2):
        model = linear(dropout=0.5)
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        train(model, task, Recipe(epochs=0.2, batch_size=100), seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        states.append(state_of(model))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_it_learns(task: Classification) -> None:
    model = linear()
    before = task.evaluate(model)["top1"]
    result = train(model, task, Recipe(epochs=3, batch_size=50, lr=0.02), seed=0)
    assert task.evaluate(model)["top1"] > max(before + 30, 50)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert all(line["penalty"] == 0 for line in result.history)


def test_hooks(task: Classification) -> None:
    model, calls, afters = linear(), [], []
    weight = model.get_parameter("2.weight")
    versions = []

    def after_step() -> None:
        afters.append(len(calls))
        versions.append(weight.detach().clone())

    train(
        model, task, Recipe(epochs=1.5, batch_size=250), seed=0, hooks=hooks(after_step=after_step),
        callbacks=Callbacks(on_step=lambda *call: calls.append(call)),
    )  # fmt: skip
    assert [call[:3] for call in calls] == [(1, 1, 6), (1, 2, 6), (1, 3, 6), (1, 4, 6), (2, 5, 6), (2, 6, 6)]
    assert all(isinstance(call[3], float) and math.isfinite(call[3]) for call in calls)
    assert afters == list(range(6))
    assert all(not torch.equal(first, second) for first, second in itertools.pairwise(versions))


def test_training_ends_when_it_has_converged(task: Classification) -> None:
    steps = []
    recipe = Recipe(epochs=3, batch_size=250)
    whole, ended = (
        train(linear(), task, recipe, seed=0, hooks=hooks(after_step=lambda: steps.append(1), converged=converged))
        for converged in (lambda: False, lambda: len(steps) == 12 + 6)
    )
    assert (whole.epochs, whole.steps, whole.converged) == (3, 12, False)
    assert (ended.epochs, ended.steps, ended.converged) == (1.5, 6, True)
    assert [line["epoch"] for line in ended.history] == [1, 2]
    assert ended.history[0]["loss"] == whole.history[0]["loss"]  # the same course up to there


def test_penalty_is_in_the_history(task: Classification) -> None:
    model = linear()
    result = train(
        model,
        task,
        Recipe(epochs=1, batch_size=500),
        seed=0,
        hooks=hooks(penalty=lambda: model.get_parameter("2.bias").sum() * 0 + 2),
    )
    assert result.history[0]["penalty"] == 2.0


@pytest.mark.parametrize("where", ["loss", "penalty"])
def test_divergence_says_where(task: Classification, where: str) -> None:
    model = linear()
    steps = []

    def penalty() -> Tensor:
        steps.append(1)
        bias = model.get_parameter("2.bias")
        if len(steps) == 6:
            if where == "penalty":
                return bias.sum() * math.inf
            with torch.no_grad():
                bias += math.nan
        return bias.sum() * 0 if len(steps) <= 6 else torch.zeros(())

    with pytest.raises(Diverged, match=r"epoch 2, step [67]") as caught:
        train(model, task, Recipe(epochs=2, batch_size=250), seed=0, hooks=hooks(penalty=penalty))
    assert caught.value.epoch == 2
    assert not math.isfinite(caught.value.loss)


@pytest.mark.parametrize("name", ["fc.weight", "bn1.running_var"])
def test_the_last_step_is_looked_at_too(task: Classification, name: str) -> None:
    """Its loss is that of the weights before it: only the model itself tells what it has done."""
    model = load_model("resnet8", in_chans=1, num_classes=10)
    steps = []

    def spoil_the_last() -> None:
        steps.append(1)
        if len(steps) == 4:
            model.state_dict()[name].view(-1)[0] = math.nan

    with pytest.raises(Diverged, match=f"{name} not finite.* epoch 1, step 4"):
        train(model, task, Recipe(epochs=1, batch_size=250), seed=0, hooks=hooks(after_step=spoil_the_last))


def test_losses_read_late_are_the_same_and_none_is_overlooked(task: Classification, monkeypatch) -> None:
    recipe = Recipe(epochs=1.5, batch_size=250)  # four steps an epoch, of which three are read together
    results, models, told = [], [], []
    callbacks = Callbacks(on_step=lambda *call: told.append(call[:2]))
    for every in (1, 3):
        monkeypatch.setitem(READ_EVERY, "cpu", every)
        models.append(linear())
        results.append(train(models[-1], task, recipe, callbacks=callbacks))
        bad = linear()

        def penalty(bad: nn.Module = bad, steps: list[int] = []) -> Tensor:  # noqa: B006 - counts its calls
            steps.append(1)
            return bad.get_parameter("2.bias").sum() * (math.nan if len(steps) == 6 else 0)

        with pytest.raises(Diverged) as caught:
            train(bad, task, recipe, seed=0, hooks=hooks(penalty=penalty))
        assert (caught.value.epoch, caught.value.step) == (2, 6)
    assert told == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6), (1, 3), (1, 4), (2, 6)]
    first, second = ([{**line, "seconds": 0} for line in result.history] for result in results)
    assert first == second
    assert all(torch.equal(state_of(models[0])[key], tensor) for key, tensor in state_of(models[1]).items())


def test_no_epochs_change_nothing(task: Classification) -> None:
    model = linear()
    before = state_of(model)
    result = train(model, task, Recipe(epochs=0), seed=0)
    assert isinstance(result, TrainResult)
    assert (result.steps, result.history) == (0, [])
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("channels_last", [False, True])
def test_modes_and_memory_formats_are_put_back(task: Classification, channels_last: bool) -> None:
    model = load_model("resnet8", in_chans=1)
    last = model.get_submodule("layer3")
    last.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    model.eval()
    last.train()
    parameters = dict(model.named_parameters())
    strides = {name: parameter.stride() for name, parameter in parameters.items()}
    train(model, task, Recipe(epochs=0.1, batch_size=100, channels_last=channels_last), seed=0)
    assert {name: parameter.stride() for name, parameter in parameters.items()} == strides
    assert all(parameter is parameters[name] for name, parameter in model.named_parameters())
    assert not model.training
    assert last.training


def test_memory_format_changes_nothing_but_rounding(task: Classification) -> None:
    states = []
    for channels_last in (False, True):
        torch.manual_seed(0)
        model = load_model("resnet8", in_chans=1)
        train(model, task, Recipe(epochs=0.2, batch_size=100, channels_last=channels_last), seed=0)
        states.append(state_of(model))
    for key in states[0]:
        torch.testing.assert_close(states[0][key], states[1][key], rtol=1e-3, atol=1e-3)


def test_mixed_precision_and_back(task: Classification) -> None:
    """accelerate keeps one state a process; another precision must not trip over it."""
    for precision in ("no", "bf16", "no"):
        model = linear()
        dtypes = []
        model.get_submodule("2").register_forward_hook(lambda *call, into=dtypes: into.append(call[2].dtype))
        train(model, task, Recipe(epochs=0.2, batch_size=100, precision=precision), seed=0)
        assert set(dtypes) == {torch.bfloat16 if precision == "bf16" else torch.float32}
        assert model.get_parameter("2.weight").dtype == torch.float32


def test_the_loop_costs_little_beside_a_bare_one(task: Classification) -> None:
    """At most 2 ms of CPU a step over a loop without accelerate, schedule, history or checks (0.6 ms is typical)."""
    recipe = Recipe(epochs=10, batch_size=50, lr=0.01)
    model, bare = linear(), linear()
    optimizer = torch.optim.SGD(bare.parameters(), 0.01, momentum=0.9, nesterov=True)

    def bare_loop() -> None:
        generator = torch.Generator().manual_seed(0)
        for _ in range(10):
            for images, labels in task.train_batches(50, generator):
                task.loss(bare(images), labels).backward()
                optimizer.step()
                optimizer.zero_grad()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # waiting threads burn CPU time too
    try:
        seconds = []
        for loop in (lambda: train(model, task, recipe, seed=0), bare_loop):
            times = []
            for _ in range(4):
                started = time.process_time()
                loop()
                times.append((time.process_time() - started) / 200)
            seconds.append(min(times))
    finally:
        torch.set_num_threads(threads)
    assert seconds[0] - seconds[1] < 2e-3


def test_super_resolution_trains() -> None:
    options = {"patch_size": 12, "patches_per_epoch": 64, "example_size": 12}
    task = create_task("super_resolution", "photographs", **options).validation_split(0.25)
    torch.manual_seed(0)
    model = load_model("edsr-r1f8x2")
    before = task.evaluate(model)["psnr_y"]
    train(model, task, Recipe(epochs=4, batch_size=8, optimizer="adam", lr=3e-3, weight_decay=0), seed=0)
    assert task.evaluate(model)["psnr_y"] > before + 3
