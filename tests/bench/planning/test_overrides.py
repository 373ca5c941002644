"""Overrides in suite files: settings, another method or nothing for single layers."""

import pytest
import torch

from decompbench.bench.base.errors import SuiteError
from decompbench.bench.planning.build import create_trial_method, create_trial_overrides, create_trial_plan
from decompbench.bench.running.preflight import survey
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.methods import SVD, Basis, Target, get_method, plan
from decompbench.models import load_model

from ..factories import suite_content, write_suite


def trial_of(folder, overrides, **method):
    """Return the one trial beside the dense one of a suite with these overrides."""
    content = suite_content()
    content["entries"][0] |= {"methods": [{"name": "basis", "overrides": overrides} | method], "budgets": []}
    _, trial = expand(load_suite(str(write_suite(folder, content))))
    return trial


def test_single_layers_get_settings_another_method_or_nothing(tmp_path):
    overrides = {
        "layer1.*": {"rank": 0.2},
        "layer2.*": {"method": "svd", "rank": 0.25},
        "layer3.0.*": {"method": "svd"},
        "layer3.0.conv2": None,
    }
    trial = trial_of(tmp_path, overrides, gamma=0.5)
    net = load_model("resnet8", in_chans=1)
    plan = create_trial_plan(trial, create_trial_method(trial), net, torch.zeros(1, 1, 28, 28))
    methods = {layer.path: plan.method_of(layer) for layer in plan.layers}
    assert methods["layer1.0.conv1"] == Basis(0.2, gamma=0.5)
    assert methods["layer2.0.conv2"] == SVD(0.25)
    # another method starts from its own defaults, not from the row's settings
    assert methods["layer3.0.conv1"] == SVD()
    assert methods["layer3.0.conv2"] is None


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"method": "svdd"}, "overrides: 'layer1.*': no method is named 'svdd': did you mean 'svd'"),
        ({"method": "svd", "rnak": 0.2}, "overrides: 'layer1.*': method 'svd' has no setting 'rnak'"),
        ({"method": "svd", "rank": 2}, "overrides: 'layer1.*': svd: rank is a fraction"),
    ],
)
def test_another_method_that_cannot_be_is_named_with_its_pattern(tmp_path, own, message):
    with pytest.raises(SuiteError) as caught:
        create_trial_overrides(trial_of(tmp_path, {"layer1.*": own}))
    assert message in str(caught.value)


def test_a_method_that_is_no_name_is_refused_where_it_stands(tmp_path):
    with pytest.raises(SuiteError, match=r"methods\[0\].overrides: 'layer1.\*': method is a method's name, not 3"):
        trial_of(tmp_path, {"layer1.*": {"method": 3}})


def test_all_methods_at_work_are_known(tmp_path):
    trial = trial_of(tmp_path, {"layer1.*": {"method": "svd"}, "layer2.*": {"rank": 0.1}, "layer3.*": None})
    assert trial.method.names == {"basis", "svd"}


def test_a_sized_trial_says_what_the_knob_was_set_to_and_not_its_default(tmp_path):
    content = suite_content()
    content["entries"][0] |= {"methods": ["svd", "fsnet"], "budgets": [{"params": 0.3}]}
    checked = []
    survey(lambda _, value: checked.append(value), expand(load_suite(str(write_suite(tmp_path, content)))))
    dense, *sized = checked
    assert dense.size.knob is None
    for one in sized:
        net = load_model("resnet8", in_chans=1)
        method = get_method(one.method.name)
        chosen = plan(net, method, torch.zeros(1, 1, 28, 28), Target(params=0.3))
        field = method.budget_knob().field
        values = {getattr(group.method, field) for group in chosen.groups}
        assert one.size.knob.field == field
        assert {one.size.knob.low, one.size.knob.high} == {min(values), max(values)}
        assert getattr(method, field) not in values
        assert field not in one.method.settings
        assert one.method.settings.keys() == method.settings().keys() - {field}
        # what the budget sets is not asked for: the key does not have it
        assert one.identity["method"]["settings"] == {}


def test_a_trial_without_a_budget_keeps_all_settings(tmp_path):
    content = suite_content()
    content["entries"][0] |= {"methods": [{"name": "svd", "rank": 0.3}], "budgets": []}
    checked = []
    survey(lambda _, value: checked.append(value), expand(load_suite(str(write_suite(tmp_path, content)))))
    assert checked[1].method.settings["rank"] == 0.3
    assert checked[1].size.knob is None
