"""Optimisers and schedules do what a recipe's fields say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.training.optim import OptimizerError, create_optimizer, create_scheduler, require_optimizer


def learning_rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    """The learning rate of every step."""
    optimizer = create_optimizer(recipe, nn.Linear(2, 2))
    scheduler = create_scheduler(recipe, optimizer, steps_per_epoch)
    rates = []
    for step in range(recipe.total_steps(steps_per_epoch)):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step_update(step + 1)
    return rates


def test_an_optimiser_that_timm_does_not_have_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(OptimizerError, match=r"did you mean '.*sgd"):
        require_optimizer(Recipe(optimizer="sgdd"))


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


@pytest.mark.parametrize("decay_all", [False, True])
def test_weight_decay_spares_biases_unless_told(decay_all: bool) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    groups = create_optimizer(Recipe(weight_decay=0.1, decay_all=decay_all), model).param_groups
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in decayed}
    assert names == ({"0.weight", "0.bias", "1.weight", "1.bias"} if decay_all else {"0.weight"})


def test_sgd_is_nesterov_and_momentum_is_not() -> None:
    for name, nesterov in (("sgd", True), ("momentum", False)):
        optimizer = create_optimizer(Recipe(optimizer=name, momentum=0.8), nn.Linear(2, 2))
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
