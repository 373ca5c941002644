"""The papers' recipes have the papers' numbers; suites and the command line take them and change single fields."""

from __future__ import annotations

import json

import pytest

from decompbench.bench.base.errors import SuiteError
from decompbench.bench.suite.load import change_recipes, load_suite
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.suite.recipe_files import list_recipes
from decompbench.bench.suite.recipes import find_recipe

from ..factories import decompbench, suite_content, write_suite

# epochs, learning rate, where it is divided by ten, batch, weight decay, cycles: as the papers have them.
# None: not in the paper.
PAPERS = {
    "li2019-cifar10-baseline": (300, 0.1, (150, 225), 128, 1e-4, 1),
    "li2019-cifar10-baseline-resnet": (300, 0.1, (150, 225), 64, 1e-4, 1),
    "li2019-cifar10-baseline-densenet": (300, 0.1, (150, 225), 64, 1e-4, 1),
    "li2019-cifar10-baseline-vgg": (300, 0.1, (150, 225), 128, 5e-4, 1),
    "li2019-cifar10": (300, 0.1, (150, 225), 128, 1e-4, 1),
    "li2019-cifar10-vgg": (300, 0.1, (150, 225), 128, 5e-4, 1),
    **{
        f"li2019-cifar10-{model}{method}": expected
        for model in ("resnet", "densenet")
        for method, expected in {
            "": (300, 0.1, (150, 225), 64, 1e-4, 1),
            "-basis": (400, 0.1, (250, 325), 64, 1e-4, 1),
            "-kmeans": (300, 5e-3, (150, 225), 64, 1e-4, 1),
        }.items()
    },
    "li2019-sr": (300, 1e-4, (200,), 16, 0, 1),
    "son2018-vgg16": (300, 5e-3, (150, 225), 256, 5e-4, 1),
    "yang2020-cifar10-baseline": (None, 0.1, "half and three quarters", None, None, 1),
    "yang2020-cifar10": (None, 0.1, "half and three quarters", None, None, 4),
    "yang2020-imagenet": (100, 0.1, (30, 60, 90), None, None, 1),
    "yang2020-voc": (None, None, None, None, None, 1),
    "yu2021-cifar10-baseline": (300, 0.1, (150, 250), 64, 1e-4, 1),
    "yu2021-cifar10": (450, 3e-3, (150, 350), 64, 1e-4, 1),
    "yu2021-imagenet-baseline": (90, 0.1, (30, 60), 256, 1e-4, 1),
    "yu2021-imagenet": (70, 3e-3, (20, 40, 60), 256, 1e-4, 1),
}


@pytest.mark.parametrize("name", PAPERS)
def test_numbers_of_the_papers(name):
    recipe = find_recipe(name).recipe
    epochs, lr, milestones, batch, decay, cycles = PAPERS[name]
    if milestones == "half and three quarters":
        milestones = (recipe.epochs / 2, recipe.epochs * 3 / 4)
    expected = {"epochs": epochs, "lr": lr, "milestones": milestones, "batch_size": batch, "weight_decay": decay}
    for field, value in expected.items():
        assert value is None or getattr(recipe, field) == value, field
    assert recipe.cycles == cycles
    assert (recipe.schedule, recipe.decay_rate) == ("step", 0.1)
    sgd = "sgd" if "densenet" in name else "momentum"  # the former is with Nesterov's momentum
    assert recipe.optimizer == ("adam" if name == "li2019-sr" else sgd)
    assert recipe.optimizer == "adam" or (recipe.momentum == 0.9 and recipe.decay_all)


def test_all_that_ships_is_a_papers_or_says_that_it_is_ours():
    for name in list_recipes():
        found = find_recipe(name)
        assert name in PAPERS or found.description.startswith("ours")
        assert (None in PAPERS.get(name, ())) == ("the paper" in found.description)  # what is not in it is said


def recipes_of(tmp_path, suite_recipe=None, **entry):
    content = suite_content(**({"recipe": suite_recipe} if suite_recipe else {}))
    content["entries"][0] |= entry
    return load_suite(str(write_suite(tmp_path, content))).entries[0]


def test_a_name_and_a_base_in_a_suite(tmp_path):
    whole = find_recipe("li2019-cifar10").recipe
    assert recipes_of(tmp_path, recipe="li2019-cifar10").recipe == whole
    assert recipes_of(tmp_path, "li2019-cifar10").recipe == whole
    changed = recipes_of(tmp_path, "li2019-cifar10", recipe={"lr": 0.05}).recipe
    assert changed == whole.model_copy(update={"lr": 0.05})
    # another base leaves nothing of the suite's recipe
    other = recipes_of(tmp_path, {"lr": 7, "clip_grad": 1}, recipe={"base": "li2019-cifar10"}).recipe
    assert other == whole
    entry = recipes_of(tmp_path, {"lr": 7}, baseline={"recipe": {"base": "li2019-cifar10-vgg", "batch_size": 32}})
    expected = find_recipe("li2019-cifar10-vgg").recipe.model_copy(update={"batch_size": 32})
    assert (entry.baseline.recipe, entry.recipe.lr) == (expected, 7)


def test_a_base_over_an_extended_suite(tmp_path):
    write_suite(tmp_path, name="base.yaml", recipe={"lr": 7})
    path = write_suite(tmp_path, {"extends": "base.yaml", "recipe": "li2019-sr"}, name="over.yaml")
    assert load_suite(str(path)).entries[0].recipe == find_recipe("li2019-sr").recipe


@pytest.mark.parametrize(
    ("changes", "epochs", "milestones"),
    [
        ({"epochs": 3}, 3, (1.5, 2.25)),
        ({"epochs": 3, "milestones": [1]}, 3, (1,)),
        ({"milestones": [100]}, 300, (100,)),
        ({"epochs": 0}, 0, (150, 225)),
        ({"schedule": "cosine", "epochs": 10}, 10, ()),
    ],
)
def test_another_length_stretches_the_schedule(changes, epochs, milestones):
    recipe = Recipe.model_validate({"base": "li2019-cifar10", **changes})
    assert (recipe.epochs, recipe.milestones) == (epochs, milestones)


def test_warm_up_is_stretched_too():
    recipe = Recipe.model_validate({"base": "short-classification", "epochs": 3})
    assert recipe.warmup_epochs == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("li2019-cifar", "entries[0].recipe: unknown recipe 'li2019-cifar' (did you mean 'li2019-cifar10'"),
        ({"base": "li2019-sr", "epoch": 3}, "entries[0].recipe.epoch: unknown key 'epoch' (did you mean 'epochs'?)"),
        ({"base": "li2019-sr", "lr": -1}, "entries[0].recipe.lr: Input should be greater than 0"),
        ({"bas": "li2019-sr"}, "did you mean 'base'"),
    ],
)
def test_mistakes_in_a_suite(tmp_path, recipe, message):
    with pytest.raises(SuiteError) as caught:
        recipes_of(tmp_path, recipe=recipe)
    assert message in str(caught.value)


def test_a_baseline_does_not_distill(tmp_path):
    with pytest.raises(SuiteError, match="leave it out"):
        recipes_of(tmp_path, baseline={"recipe": {"distill": {}}})
    assert recipes_of(tmp_path, recipe={"distill": {}}, baseline={"recipe": "short-classification"}).recipe.distill


def test_changes_hold_for_every_entry_and_are_in_the_trials(tmp_path):
    suite = load_suite("quick")
    changed = change_recipes(suite, {"epochs": 3, "lr": 0.5})
    assert [entry.recipe.lr for entry in changed.entries] == [0.5, 0.5]
    assert changed.entries[1].recipe.optimizer == "adam"
    assert changed.entries[1].recipe.warmup_epochs == pytest.approx(0.6)
    assert change_recipes(suite, {}) is suite


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("epoch=3", "--recipe: epoch: unknown key 'epoch' (did you mean 'epochs'?); allowed: base, epochs"),
        ("lr=-1", "--recipe: lr: Input should be greater than 0, got -1"),
        ("base=li2019-cifar", "did you mean 'li2019-cifar10'"),
        ("schedule=cosin", "--recipe: schedule: 'cosin' is not allowed (did you mean 'cosine'?)"),
    ],
)
def test_mistakes_on_the_command_line(tmp_path, option, message):
    run = decompbench("run", "quick", "--recipe", option, results=tmp_path)
    assert run.returncode == 2
    assert message in run.stderr


def test_recipes_are_listed_and_shown():
    listed = json.loads(decompbench("recipes", "--json").stdout)
    assert [row["recipe"] for row in listed] == list_recipes()
    shown = json.loads(decompbench("recipes", "yu2021-cifar10", "--json").stdout)
    assert (shown["recipe"], shown["epochs"], shown["milestones"]) == ("yu2021-cifar10", 450, [150, 350])
    assert "yu2021-cifar10" in decompbench("recipes").stdout
    assert "weight_decay" in decompbench("recipes", "yu2021-cifar10").stdout
    assert "did you mean 'yu2021-cifar10'" in decompbench("recipes", "yu2021-cifar").stderr
