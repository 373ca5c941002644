"""Recipes: wrong ones are refused, and trainings are as long as the fields say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from decompbench.bench.suite.recipe import Recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, "epoch"),
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


@pytest.mark.parametrize(("epochs", "steps"), [(0, 0), (0.25, 2), (0.001, 1), (1, 10), (1.5, 15)])
def test_parts_of_epochs(epochs: float, steps: int) -> None:
    assert Recipe(epochs=epochs).total_steps(10) == steps


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
