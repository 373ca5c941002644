"""Plans: which layers are touched, budgets that cannot be met, tables and JSON."""

import copy
import json

import pytest
import torch
from torch import nn

from decompbench.methods import (
    CP,
    SVD,
    Factor,
    FSNet,
    Group,
    KMeans,
    MethodError,
    Plan,
    Select,
    SettingError,
    SpatialSVD,
    Target,
    Tucker2,
    UnreachableTarget,
    begin,
    compress,
    count_stored,
    get_method,
    list_methods,
    plan,
)
from decompbench.models import load_model

from ..cases import small_net

EXAMPLE = torch.randn(1, 3, 12, 12)


class ScaledConv(nn.Conv2d):
    """A subclass that computes something else, as timm has many."""

    def forward(self, input):
        return 2 * super().forward(input)


def reasons(todo):
    return {layer.path: layer.reason for layer in todo.layers}


def test_untouched_layers_say_why():
    found = reasons(plan(small_net(), get_method("group"), EXAMPLE))
    assert found["stem"] == "first convolution: left alone by skip_first=1"
    assert found["depthwise"] == "depthwise convolution"
    assert found["pointwise"] == "1×1 convolution"
    assert found["stage1.0.0"] is None


def test_inefficient_layers_are_left_alone():
    todo = plan(small_net(), Tucker2(rank=1.0), EXAMPLE)
    assert all(layer.reason for layer in todo.layers)
    assert "not efficient" in reasons(todo)["stage1.0.0"]
    assert todo.after == todo.before


def test_inefficient_layers_are_replaced_where_a_networks_variant_wants_it():
    todo = plan(small_net(), Tucker2(rank=1.0), EXAMPLE, inefficient="replace")
    assert reasons(todo)["stage1.0.0"] is None
    assert todo.after.weights > todo.before.weights
    assert count_stored(begin(small_net(), todo).finish()).weights == todo.after.weights


def test_subclasses_of_conv_are_skipped_by_exact_type():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), ScaledConv(8, 8, 3))
    todo = plan(net, SVD(0.2), EXAMPLE)
    assert "ScaledConv" in reasons(todo)["1"]


def test_layers_never_called_are_skipped():
    net = small_net()
    net.unused = nn.Conv2d(8, 8, 3)
    assert "never called" in reasons(plan(net, SVD(0.2), EXAMPLE))["unused"]


def test_a_module_under_two_names_is_compressed_once_and_everywhere():
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1))
    net.append(net[1])
    todo = plan(net, SVD(0.2), EXAMPLE)
    assert todo.layers[1].spec.aliases == ("2",)
    assert todo.layers[1].before.macs == 2 * 16 * 16 * 9 * 144
    begin(net, todo)
    assert net[1] is net[2]
    assert type(net[1]) is not nn.Conv2d


def test_selection_by_pattern_and_property():
    todo = plan(small_net(), SVD(0.2), EXAMPLE, select=Select(include=("stage*",), strides=((2, 2),)))
    assert [layer.path for layer in todo.layers if layer.reason is None] == ["stage2.0.0"]


def test_overrides_give_single_layers_other_methods_settings_or_nothing():
    net = small_net()
    todo = plan(
        net,
        SVD(0.2),
        EXAMPLE,
        overrides={"stage1.*": None, "stage2.0.0": {"rank": 0.4}, "stage2.1.0": FSNet(depth=2)},
    )
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage1.0.0"] is None
    assert methods["stage2.0.0"] == SVD(0.4)
    assert methods["stage2.1.0"] == FSNet(depth=2)
    begin(net, todo).finish()(EXAMPLE)


def test_overridden_layers_keep_their_settings_under_a_budget():
    todo = plan(small_net(), SVD(), EXAMPLE, Target(params=0.5), overrides={"stage2.1.0": SVD(0.5)})
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage2.1.0"] == SVD(0.5)
    assert todo.ratio() <= 0.5


def test_an_override_that_matches_nothing_is_an_error():
    with pytest.raises(SettingError, match=r"layer9.*matches no convolution.*stem"):
        plan(small_net(), SVD(), EXAMPLE, overrides={"layer9.*": None})


def test_unreachable_budget_names_the_range():
    with pytest.raises(UnreachableTarget, match=r"clusters from 1 to .* reaches 2") as caught:
        plan(small_net(), KMeans(), EXAMPLE, Target(params=0.1))
    assert 0.2 < caught.value.low < 0.3
    todo = plan(small_net(), KMeans(), EXAMPLE, Target(params=0.1), unreachable="nearest")
    assert todo.note is not None
    assert todo.ratio() == pytest.approx(caught.value.low)


def test_an_unreachable_budget_says_what_to_do_instead_and_a_note_does_not():
    with pytest.raises(UnreachableTarget, match=r"'unreachable: nearest' takes the nearest size$"):
        plan(small_net(), KMeans(), EXAMPLE, Target(params=0.1))
    note = plan(small_net(), KMeans(), EXAMPLE, Target(params=0.1), unreachable="nearest").note
    assert note is not None
    assert "nearest" not in note


def test_a_budget_for_a_model_with_nothing_to_compress_names_the_reasons():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), *(nn.Conv2d(8, 8, 1) for _ in range(3)), nn.Conv2d(8, 8, 3, groups=8))
    message = (
        r"nothing to compress, 5 convolutions stay as they are "
        r"\(3 × 1×1 convolution, 1 × first convolution, 1 × depthwise convolution\)$"
    )
    with pytest.raises(UnreachableTarget, match=message) as caught:
        plan(net, Group(), EXAMPLE, Target(params=0.3))
    assert caught.value.low == caught.value.high == 1
    assert plan(net, Group(), EXAMPLE, Target(params=1.0)).note is None
    tiny = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 1, 1), nn.Conv2d(1, 4, 1))
    with pytest.raises(UnreachableTarget, match=r"\(2 × not efficient, 1 × first convolution\)"):
        plan(tiny, SVD(), EXAMPLE, Target(params=0.3))


def test_a_budget_on_a_count_that_the_knob_does_not_move_names_those_it_moves():
    with pytest.raises(UnreachableTarget, match="clusters does not change the model's macs; it changes params and"):
        plan(small_net(), KMeans(), EXAMPLE, Target(macs=0.5))
    with pytest.raises(UnreachableTarget, match=r"rank does not change the model's params$"):
        plan(small_net(), SVD(), EXAMPLE, Target(params=0.1), overrides={"stage*": {"rank": 0.3}, "p*": {"rank": 0.3}})


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (
            Select(include=("stage*", "layer9.*")),
            r"include 'layer9\.\*' matches no convolution; their paths are stem",
        ),
        (Select(exclude=("layr*",)), r"exclude 'layr\*' matches no convolution"),
        (Select(kernel_sizes=((7, 7),)), r"leaves none of the 7 convolutions .*kernel_sizes=\(\(7, 7\),\)"),
        (Select(include=("stem",), skip_first=1), r"leaves none.*include=\('stem',\), skip_first=1"),
    ],
)
def test_a_selection_that_matches_nothing_is_an_error(select, message):
    with pytest.raises(SettingError, match=message):
        plan(small_net(), SVD(), EXAMPLE, select=select)


def test_overrides_may_be_all_that_is_compressed():
    todo = plan(small_net(), SVD(), EXAMPLE, select=Select(exclude=("*",)), overrides={"stage1.0.0": {"rank": 0.2}})
    assert [layer.path for layer in todo.layers if layer.reason is None] == ["stage1.0.0"]


def test_a_method_without_a_knob_cannot_be_sized():
    with pytest.raises(SettingError, match="has no knob"):
        plan(small_net(), get_method("dense"), EXAMPLE, Target(params=0.5))


def test_coarse_knobs_are_mixed_over_the_layers():
    net = nn.Sequential(nn.Conv2d(3, 32, 3), *(nn.Conv2d(32, 32, 3, padding=1) for _ in range(6)))
    todo = plan(net, FSNet(), torch.randn(1, 3, 16, 16), Target(params=0.3))
    depths = {group.method.settings()["depth"] for group in todo.groups}
    assert depths == {1, 2}
    assert 0.27 < todo.ratio() <= 0.3


@pytest.mark.parametrize("name", list_methods())
def test_plan_survives_json(name):
    todo = plan(small_net(), get_method(name), EXAMPLE)
    assert Plan.from_json(json.loads(json.dumps(todo.to_json()))) == todo


def test_plan_of_a_newer_version_is_refused():
    data = plan(small_net(), SVD(), EXAMPLE).to_json()
    with pytest.raises(ValueError, match="version 99"):
        Plan.from_json({**data, "version": 99})


def test_plan_prints_as_a_table():
    text = str(plan(small_net(), SVD(0.2), EXAMPLE))
    assert "stage1.0.0" in text
    assert "svd(rank=0.2)" in text
    assert "first convolution" in text
    assert text.splitlines()[-1].startswith("total:")


def test_planning_changes_nothing():
    net = small_net().train()
    net.stage1.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    plan(net, Group(), EXAMPLE)
    assert modes == [module.training for module in net.modules()]
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("kwargs", [{}, {"params": 0.3, "macs": 0.3}, {"params": 0.0}, {"params": 30}])
def test_a_target_is_one_fraction(kwargs):
    with pytest.raises(SettingError):
        Target(**kwargs)


def test_convolutions_that_share_a_weight_are_left_alone_and_counted_once():
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), *(nn.Conv2d(16, 16, 3, padding=1) for _ in range(3)))
    net[2].weight = net[1].weight
    todo = plan(net, SVD(0.2), EXAMPLE)
    assert todo.before.weights == count_stored(net).weights == 432 + 2 * 2304
    assert reasons(todo)["1"] == reasons(todo)["2"] == "shares its weight with another convolution"
    assert reasons(todo)["3"] is None


def test_a_lone_convolution_has_to_be_wrapped():
    with pytest.raises(MethodError, match=r"nn\.Sequential"):
        compress(nn.Conv2d(3, 16, 3), KMeans(clusters=4), EXAMPLE)


def test_a_pattern_given_as_a_text_is_refused():
    with pytest.raises(SettingError, match="tuple of patterns"):
        Select(include="layer3.*")


def test_a_misspelt_sharing_is_refused():
    with pytest.raises(SettingError, match="netwrok"):
        plan(small_net(), get_method("basis", sharing="netwrok"), EXAMPLE)


def test_filter_summaries_leave_other_kernels_alone():
    net = nn.Sequential(nn.Conv2d(3, 16, 7), nn.Conv2d(16, 16, 3))
    assert "not (7, 7)" in reasons(plan(net, FSNet(), EXAMPLE))["0"]


def test_a_plan_for_other_padding_is_refused():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1))
    todo = plan(net, SVD(0.3), EXAMPLE)
    other = nn.Sequential(*(nn.Conv2d(c, 8, 3, padding=1, padding_mode="reflect") for c in (3, 8)))
    with pytest.raises(ValueError, match="has padding_mode reflect, the plan says zeros"):
        begin(other, todo)


def test_a_layer_that_some_sizes_cannot_compress_counts_as_dense_there():
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 7, padding=3, padding_mode="reflect", stride=4), nn.Conv2d(16, 16, 3)
    )
    example = torch.zeros(1, 3, 14, 14)  # an output of 3×3 is too small for a second 7×7 with reflect padding
    dense = plan(net, SVD(), example).before.weights
    for fraction in (0.25, 0.3, 0.5):
        todo = plan(net, Factor(1), example, Target(params=fraction), unreachable="nearest")
        assert todo.after.weights <= dense
        assert todo.after.weights == count_stored(begin(copy.deepcopy(net), todo).finish()).weights


@pytest.mark.parametrize("method", [Tucker2(), CP(sweeps=1), SpatialSVD()])
@pytest.mark.parametrize("count", ["params", "macs", "bits"])
@pytest.mark.parametrize("fraction", [0.6, 0.8, 0.9])
def test_no_layer_gets_larger_in_what_the_budget_counts(method, count, fraction):
    todo = plan(load_model("resnet20"), method, torch.zeros(1, 3, 32, 32), Target(**{count: fraction}))
    replaced = [layer for layer in todo.layers if layer.group is not None]
    assert replaced
    assert all(layer.after.count(count) <= layer.before.count(count) for layer in replaced)
