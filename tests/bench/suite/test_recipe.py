"""Recipes: what is refused, and that optimiser and schedule do what the fields say."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from decompbench.bench.suite.recipe import Recipe


def learning_rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    """The learning rate of every step."""
    optimizer = recipe.create_optimizer(nn.Linear(2, 2))
    scheduler = recipe.create_scheduler(optimizer, steps_per_epoch)
    rates = []
    for step in range(recipe.total_steps(steps_per_epoch)):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step_update(step + 1)
    return rates


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, "epoch"),
        ({"optimizer": "sgdd"}, r"did you mean '.*sgd"),
        ({"schedule": "cosin"}, "'cosine', 'step' or 'constant'"),
        ({"lr": 0}, "greater than 0"),
        ({"epochs": -1}, "greater than or equal to 0"),
        ({"schedule": "step"}, "at least one"),
        ({"milestones": [1]}, "schedule 'step'"),
        ({"schedule": "step", "milestones": [3, 2]}, "ascending"),
        ({"epochs": 1, "warmup_epochs": 2}, "more than epochs"),
    ],
)
def test_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(fields)


def test_cosine_follows_the_formula() -> None:
    rates = learning_rates(Recipe(epochs=2, lr=0.4), steps_per_epoch=10)
    assert rates == pytest.approx([0.2 * (1 + math.cos(math.pi * step / 20)) for step in range(20)])


@pytest.mark.parametrize("warmup_epochs", [0, 1])
def test_step_divides_with_the_first_step_after_a_milestone(warmup_epochs: float) -> None:
    recipe = Recipe(epochs=4, lr=1.0, schedule="step", milestones=(2, 3), warmup_epochs=warmup_epochs)
    rates = learning_rates(recipe, steps_per_epoch=10)
    assert rates[10:] == pytest.approx([1.0] * 10 + [0.1] * 10 + [0.01] * 10)
    first = [0.01 + 0.099 * step for step in range(10)] if warmup_epochs else [1.0] * 10
    assert rates[:10] == pytest.approx(first)


def test_constant_stays_and_warm_up_rises_linearly() -> None:
    rates = learning_rates(Recipe(epochs=3, lr=1.0, schedule="constant", warmup_epochs=1), steps_per_epoch=10)
    assert rates[:10] == pytest.approx([0.01 + 0.099 * step for step in range(10)])
    assert rates[10:] == pytest.approx([1.0] * 20)


@pytest.mark.parametrize(("epochs", "steps"), [(0, 0), (0.25, 2), (0.001, 1), (1, 10), (1.5, 15)])
def test_parts_of_epochs(epochs: float, steps: int) -> None:
    assert Recipe(epochs=epochs).total_steps(10) == steps


@pytest.mark.parametrize("decay_all", [False, True])
def test_weight_decay_spares_biases_unless_told(decay_all: bool) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    groups = Recipe(weight_decay=0.1, decay_all=decay_all).create_optimizer(model).param_groups
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in decayed}
    assert names == ({"0.weight", "0.bias", "1.weight", "1.bias"} if decay_all else {"0.weight"})


def test_sgd_is_nesterov_and_momentum_is_not() -> None:
    for name, nesterov in (("sgd", True), ("momentum", False)):
        optimizer = Recipe(optimizer=name, momentum=0.8).create_optimizer(nn.Linear(2, 2))
        assert isinstance(optimizer, torch.optim.SGD)
        assert optimizer.param_groups[0]["nesterov"] is nesterov
        assert optimizer.param_groups[0]["momentum"] == 0.8


def test_cycles_repeat_the_schedule() -> None:
    once = Recipe(epochs=2, lr=1.0, schedule="step", milestones=(1,), warmup_epochs=0.5)
    thrice = once.model_copy(update={"cycles": 3})
    assert learning_rates(thrice, steps_per_epoch=10) == 3 * learning_rates(once, steps_per_epoch=10)
    assert thrice.total_epochs == 6
    half = Recipe(epochs=0.5, lr=0.4, cycles=2)
    assert learning_rates(half, steps_per_epoch=10) == 2 * learning_rates(Recipe(epochs=0.5, lr=0.4), 10)


def test_only_a_recipe_that_says_so_takes_the_methods_cycles() -> None:
    assert Recipe(cycles="method").with_cycles_of(4) == Recipe(cycles=4)
    assert Recipe(cycles=2).with_cycles_of(4) == Recipe(cycles=2)
    assert Recipe().with_cycles_of(4) == Recipe()
    # without a method, as for a packaged baseline
    assert Recipe(cycles="method", epochs=3).total_epochs == 3


@pytest.mark.parametrize("cycles", [0, -1, 1.5, "papers"])
def test_cycles_are_whole_or_the_methods(cycles: object) -> None:
    with pytest.raises(ValidationError, match="cycles"):
        Recipe.model_validate({"cycles": cycles})


def test_json_round_trip() -> None:
    recipe = Recipe(epochs=2, schedule="step", milestones=(1,), clip_grad=1.0, cycles="method")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
