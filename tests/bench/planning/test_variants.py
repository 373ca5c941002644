"""Variants: the papers' networks as named plans, by themselves and in suites."""

import pytest
import torch

from decompbench.bench.base.errors import SuiteError
from decompbench.bench.planning.choice import choose_method
from decompbench.bench.planning.variants import load_variant, plan_variant
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.bench.suite.variants import find_variant, packaged_variants
from decompbench.methods import SVD, begin, count_stored
from decompbench.models import load_model

from ..factories import write_suite


def suite_of(folder, *methods, model="vgg16-cifar", **entry):
    """Return a loaded suite of one entry."""
    entry = {"model": model, "task": "classification", "data": "fashion-mnist-10k", "methods": list(methods)} | entry
    return load_suite(str(write_suite(folder, {"name": "tiny", "entries": [entry]})))


@pytest.mark.parametrize("name", packaged_variants())
def test_models_and_settings_of_every_variant_exist(name):
    variant = find_variant(name)
    choose_method(variant.method)
    with torch.device("meta"):
        load_model(variant.model, **variant.model_options)


def test_a_typo_gets_the_nearest_names():
    with pytest.raises(SuiteError, match="did you mean 'li2019-vgg16-basis'"):
        find_variant("li2019-vgg16-bases")


def test_loading_gives_a_model_and_a_plan_that_goes_with_it():
    model, plan = load_variant("li2019-densenet40-basis-m36t6", device="meta")
    assert {layer.path for layer in plan.layers} <= {path for path, _ in model.named_modules()}
    methods = {layer.path: plan.method_of(layer) for layer in plan.layers}
    assert methods["features.transition1.conv"] == SVD(rank=0.1666667, residual=True)
    assert methods["features.denseblock3.denselayer12.conv1"].sliced
    assert methods["features.conv0"] is None


def test_a_shared_model_and_one_of_its_own_have_the_same_plan():
    name = "li2019-resnet56-group"
    assert plan_variant(name)[1] == load_variant(name, device="meta")[1]
    assert plan_variant(name)[0] is plan_variant("li2019-resnet56-basis")[0]


def test_a_variant_is_a_network_that_runs():
    torch.manual_seed(0)
    model, plan = load_variant("li2019-resnet56-basis")
    small = begin(model, plan).finish().eval()
    assert count_stored(small).weights == plan.after.weights == 194_352
    # the first convolution of a stage applies the basis of the stage before
    assert small.layer2[0].conv1.basis.weight is small.layer1[4].conv2.basis.weight
    assert small.layer2[0].conv2.basis.weight is not small.layer2[0].conv1.basis.weight
    assert small(torch.randn(2, 3, 32, 32)).isfinite().all()


def test_inefficient_layers_are_replaced_only_where_the_variant_says_so():
    todo = load_variant("li2019-vgg16-basis", device="meta")[1]
    by_path = {layer.path: layer for layer in todo.layers}
    fourth = by_path["features.10"]
    assert fourth.after.weights + todo.groups[fourth.group].shared.weights > fourth.before.weights
    assert by_path["features.7"].reason == "among the first 3: left alone by skip_first=3"


def test_a_suite_takes_a_variant_by_name(tmp_path):
    _, trial = expand(suite_of(tmp_path, {"variant": "li2019-vgg16-basis"}))
    assert trial.method.row == "li2019-vgg16-basis"
    assert choose_method(trial.method) == choose_method(find_variant("li2019-vgg16-basis").method)
    assert trial.method.select.skip_first == 3
    assert trial.method.inefficient == "replace"


def test_other_keys_change_the_variant(tmp_path):
    _, trial = expand(suite_of(tmp_path, {"variant": "li2019-vgg16-basis", "size": 64, "label": "smaller"}))
    assert trial.method.row == "smaller"
    assert choose_method(trial.method).size == 64
    assert choose_method(trial.method).split == 128


def test_a_variant_has_its_own_size_whatever_the_budgets(tmp_path):
    suite = suite_of(tmp_path, "svd", {"variant": "li2019-vgg16-basis"}, budgets=[{"params": 0.5}, {"params": 0.2}])
    budgets = [trial.budget for trial in expand(suite) if trial.method.variant]
    assert budgets == [None]


def test_a_name_that_comes_from_a_variant_does_not_change_what_the_trial_is(tmp_path):
    choice = find_variant("li2019-vgg16-group").method
    spelled_out = {"name": choice.name, **choice.settings, "select": {"skip_first": 3}}
    _, taken = expand(suite_of(tmp_path, {"variant": "li2019-vgg16-group"}))
    _, spelled = expand(suite_of(tmp_path, spelled_out))
    assert taken.asked() == spelled.asked()


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            "li2019-resnet56-basis",
            "variant 'li2019-resnet56-basis' is one of resnet56 with shortcut: A-pool, not of vgg16-cifar",
        ),
        (
            "li2019-srresnet-basis-64-14",
            "'li2019-srresnet-basis-64-14' is one of srresnet-x4 with tail_kernel: 3, not of vgg16-cifar",
        ),
        ("li2019-vgg16-bases", "unknown variant 'li2019-vgg16-bases' (did you mean 'li2019-vgg16-basis'"),
    ],
)
def test_a_variant_that_does_not_fit_is_refused(tmp_path, variant, message):
    with pytest.raises(SuiteError) as caught:
        suite_of(tmp_path, {"variant": variant})
    assert message in str(caught.value)
