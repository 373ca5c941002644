"""Moving average, compilation, accumulation: what they do to a training, beside what every training does."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from decompbench.bench.base.errors import BenchError
from decompbench.bench.suite.recipe import Average, Recipe
from decompbench.bench.tasks import create_task
from decompbench.bench.training.callbacks import Callbacks
from decompbench.bench.training.ema import MovingAverage
from decompbench.bench.training.train import train
from decompbench.methods import begin, get_method, plan
from decompbench.models import load_model

from .made_hooks import hooks


@pytest.fixture(scope="module")
def task():
    return create_task("classification", "fashion-mnist-10k").validation_split(0.98)


def network(norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784) if norm else nn.Identity(), nn.Linear(784, 10))


def weights(model: nn.Module) -> torch.Tensor:
    return model.get_parameter("2.weight").detach().clone()


def test_the_model_ends_as_the_average_of_its_course(task):
    seen = []
    model = network(norm=True)
    plain = copy.deepcopy(model)
    recipe = Recipe(epochs=1, batch_size=20, lr=0.1)
    follow = hooks(after_step=lambda: seen.append(copy.deepcopy(plain.state_dict())))
    train(plain, task, recipe, hooks=follow)
    average = Average(decay=0.7, warmup=False)
    train(model, task, recipe.model_copy(update={"ema": average}), seed=0)
    for name in ("2.weight", "2.bias", "1.running_mean", "1.running_var"):
        expected = seen[0][name]
        for state in seen[1:]:
            expected = 0.7 * expected + 0.3 * state[name]
        torch.testing.assert_close(model.state_dict()[name], expected, rtol=1e-4, atol=1e-6)
    assert model.state_dict()["1.num_batches_tracked"] == len(seen) == 10


def test_a_shared_parameter_is_averaged_once_and_stays_shared():
    torch.manual_seed(0)
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    average = MovingAverage(model, decay=0.5)
    before = first.weight.detach().clone()
    with torch.no_grad():
        first.weight += 1
    average.update(model)
    average.copy_to(model)
    torch.testing.assert_close(first.weight.detach(), before + 0.5)
    assert first.weight is second.weight
    assert average.module[0].weight is average.module[1].weight


@pytest.mark.parametrize(
    "method", [{"name": "kmeans", "clusters": 8}, {"name": "tucker2", "learn": "arp", "epsilon": 0}]
)
def test_a_session_finishes_the_average(task, method):
    """The finished model is what finishing the averaged weights gives, and not the last ones."""
    settings = {key: value for key, value in method.items() if key != "name"}

    def started():
        torch.manual_seed(0)
        model = load_model("resnet8", in_chans=1, num_classes=10)
        return begin(model, plan(model, get_method(method["name"], **settings), torch.zeros(1, 1, 28, 28)))

    def follow():
        session.after_step()
        course.append({name: value.clone() for name, value in session.model.state_dict().items()})

    session, course = started(), []
    known = dict(session.model.named_parameters())
    train(
        session.model,
        task,
        Recipe(epochs=0.6, batch_size=50, lr=0.1, ema=Average(decay=0.9, warmup=False)),
        hooks=hooks(penalty=session.penalty, after_step=follow),
    )
    assert all(parameter is known[name] for name, parameter in session.model.named_parameters())
    average, last = course[0], course[-1]
    for state in course[1:]:
        average = {
            name: 0.9 * value + 0.1 * state[name] if value.is_floating_point() else state[name]
            for name, value in average.items()
        }
    inputs, outputs = task.example(8), []
    for weights_of in (average, last):
        other = started()
        other.load_state_dict(session.state_dict())
        other.model.load_state_dict(weights_of)
        outputs.append(other.finish().eval()(inputs))
    finished = session.finish().eval()(inputs)
    torch.testing.assert_close(finished, outputs[0], rtol=1e-3, atol=1e-4)
    assert (finished - outputs[1]).abs().max() > 0.01


def test_a_batch_in_parts_is_the_same_step(task):
    states, losses = [], []
    for parts in (1, 3):  # of 50 inputs: parts of unequal size
        model = network()
        recipe = Recipe(epochs=1, batch_size=50, optimizer="momentum", lr=0.05, accumulate=parts, clip_grad=0.5)
        ridge = hooks(penalty=lambda of=model: weights(of).square().sum())
        history = train(model, task, recipe, hooks=ridge).history
        states.append(weights(model))
        losses.append([history[0]["loss"], history[0]["penalty"]])
    torch.testing.assert_close(states[0], states[1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_more_parts_than_inputs_are_refused(task):
    with pytest.raises(ValueError, match=r"accumulate \(8\) is more than batch_size \(4\)"):
        Recipe(batch_size=4, accumulate=8)
    few = create_task("classification", "fashion-mnist-10k").validation_split(0.998)  # two images a class
    with pytest.raises(BenchError, match="a batch of 20 inputs"):
        train(network(), few, Recipe(batch_size=64, accumulate=32), seed=0)


def failing_backend(graph, inputs):
    raise NotImplementedError("not this one")


def test_what_cannot_be_compiled_trains_without_and_says_so(task, monkeypatch):
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: real(model, backend=failing_backend))
    notes = []
    model, plain = network(norm=True), network(norm=True)
    recipe = Recipe(epochs=0.4, batch_size=50)
    callbacks = Callbacks(on_note=notes.append)
    result = train(model, task, recipe.model_copy(update={"compile": True}), callbacks=callbacks)
    train(plain, task, recipe, seed=0)
    assert not result.compiled
    assert ["torch.compile failed" in note and "not this one" in note for note in notes] == [True]
    assert result.notes == notes
    assert all(torch.equal(tensor, plain.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_compiled_it_trains_alike(task, monkeypatch):
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: real(model, backend="aot_eager"))  # no C++ compiler is needed
    model, plain = network(norm=True), network(norm=True)
    recipe = Recipe(epochs=0.4, batch_size=50)
    callbacks = Callbacks(on_note=pytest.fail)
    result = train(model, task, recipe.model_copy(update={"compile": True}), callbacks=callbacks)
    train(plain, task, recipe, seed=0)
    assert result.compiled
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, plain.state_dict()[name], rtol=1e-4, atol=1e-5)
