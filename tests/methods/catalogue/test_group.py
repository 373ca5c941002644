"""Group: which layers it can express, what a budget moves, and the variant with batch-norm."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import fx, nn

from decompbench.methods import (
    ConvSpec,
    Cost,
    FactoredConv2d,
    Group,
    Select,
    SettingError,
    Skip,
    Target,
    begin,
    compress,
    deploy,
    load,
    plan,
    save,
)

from ..cases import relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)


def cost(method, *conv, **geometry):
    return method.layer_cost(ConvSpec.of(nn.Conv2d(*conv, **geometry)))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (cost(Group(), 8, 8, 1), "1×1 convolution"),
        (cost(Group(), 8, 8, 3, groups=8), "depthwise convolution"),
        (cost(Group(), 8, 8, 3, groups=2), "grouped convolution (2 groups)"),
        (cost(Group(groups=3), 16, 12, 3), "3 groups do not divide 16 input channels"),
        (cost(Group(groups=4, width="out"), 16, 6, 3), "4 groups do not divide 16 input and 6 output channels"),
    ],
)
def test_what_it_cannot_express_is_skipped_with_a_reason(result, reason):
    assert result == Skip(reason)


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        (Group(4), (6, 4)),
        (Group(5), (6, 4)),  # 5 does not divide 24
        (Group(1), (24, 1)),
        (Group(100), (1, 18)),  # a block has no more than its 18 rows
        (Group(4, degree=2), (6, 2)),
        (Group(groups=3), (3, 8)),
        (Group(groups=3, width="out"), (3, 6)),
        (Group(4, width="out"), (6, 3)),
        (Group(2, width="out"), (6, 3)),  # 12 groups of 2 do not divide the 18 outputs: the most that do
        (Group(groups=12, degree=10_000), (12, 18)),
        (Group(groups=24, width="out", degree=3), (24, 3)),
    ],
)
def test_groups_and_rank(method, shape):
    assert method.shape(ConvSpec.of(nn.Conv2d(24, 18, 3))) == shape


@given(c=st.integers(1, 100), n=st.integers(1, 100), size=st.integers(1, 110), width=st.sampled_from(["in", "out"]))
def test_groups_are_the_fewest_small_enough_or_the_most_there_can_be(c, n, size, width):
    groups, _ = Group(size, width=width).shape(ConvSpec.of(nn.Conv2d(c, n, 3, device="meta")))
    possible = [g for g in range(1, c + 1) if c % g == 0 and (width == "in" or n % g == 0)]
    small = [g for g in possible if c // g <= size]
    assert groups == (small[0] if small else possible[-1])
    assert small or width == "out"


@pytest.mark.parametrize("c", [8, 12, 30])
@pytest.mark.parametrize("n", [6, 16, 30])
@pytest.mark.parametrize("method", [Group(), Group(width="out"), Group(6, degree=1), Group(groups=2)])
def test_costs_do_not_fall_as_the_knob_rises(method, c, n):
    knob = method.budget_knob()
    # what would not be smaller stays dense
    costs = [
        min(cost(method.with_settings(**{knob.field: value}), c, n, 3).weights, c * n * 9) for value in range(1, 40)
    ]
    assert costs == sorted(costs)


def test_a_budget_moves_the_degree_where_it_or_the_number_of_groups_is_given():
    for method, field in ((Group(), "group_size"), (Group(8, degree=1), "degree"), (Group(groups=2), "degree")):
        todo = plan(small_net(), method, EXAMPLE, Target(params=0.5))
        assert 0.45 < todo.ratio() <= 0.5
        changed = {name for group in todo.groups for name, value in group.method.settings().items()
                   if value != method.settings()[name]}  # fmt: skip
        assert changed <= {field}


def test_overrides_give_layers_their_own_degree():
    overrides = {"stage1.*": {"degree": 1}, "stage2.1.*": {"groups": 2, "width": "out"}}
    net = compress(small_net(), Group(), EXAMPLE, overrides=overrides)
    firsts = {path: module.first for path, module in net.named_modules() if isinstance(module, FactoredConv2d)}
    assert {path: (conv.groups, conv.out_channels) for path, conv in firsts.items()} == {
        "stage1.0.0": (2, 2),
        "stage1.1.0": (2, 2),
        "stage2.0.0": (2, 8),
        "stage2.1.0": (2, 16),
    }


@pytest.mark.parametrize("width", ["in", "out"])
def test_closed_form_is_the_optimum_whatever_the_width(width):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(12, 18, 3))
    weight = net[0].weight.detach().double().clone()
    method = Group(groups=3, width=width)
    compress(net, method, torch.randn(1, 12, 8, 8), select=Select())
    kept = (12 if width == "in" else 18) // 3
    discarded = sum(torch.linalg.svdvals(block)[kept:].square().sum() for block in weight.flatten(1).chunk(3, dim=1))
    error = (net[0].dense_weight().detach() - weight).square().sum()
    assert error.item() == pytest.approx(discarded.item(), rel=1e-5)


@pytest.mark.parametrize("energy", [0.3, 0.8, 0.95, 1.0])
def test_energy_finds_each_layers_smallest_degree(energy):
    net = small_net()
    weights = {path: m.weight.detach().double().clone() for path, m in net.named_modules() if isinstance(m, nn.Conv2d)}
    todo = plan(net, Group(energy=energy), EXAMPLE)
    small = begin(net, todo).finish()
    for layer in todo.layers:
        if layer.group is None:
            continue
        kept, weight = small.get_submodule(layer.path).dense_weight(), weights[layer.path]
        degree = todo.groups[layer.group].method.degree
        spectrum = torch.linalg.svdvals(torch.stack(weight.flatten(1).chunk(layer.spec.in_channels // 4, 1))).square()
        assert 1 - ((kept - weight).square().sum() / weight.square().sum()).item() >= energy - 1e-6
        assert spectrum[:, : degree - 1].sum() < energy * spectrum.sum()
    assert [layer.path for layer in todo.layers if layer.group is not None or "efficient" in str(layer.reason)] == [
        "stage1.0.0", "stage1.1.0", "stage2.0.0", "stage2.1.0",
    ]  # fmt: skip


def test_energy_is_kept_whatever_the_width():
    net = nn.Sequential(nn.Conv2d(12, 18, 3))
    example = torch.randn(1, 12, 8, 8)
    todo = [plan(net, Group(1, energy=0.7, width=width), example, select=Select()) for width in ("in", "out")]
    assert todo[0].after == todo[1].after
    assert todo[0].groups[0].method.degree == todo[1].groups[0].method.degree


def test_energy_differs_by_layer_and_is_stored_as_a_degree(tmp_path):
    net = small_net()
    with torch.no_grad():
        net.stage1[0][0].weight.copy_(net.stage1[0][0].weight[:1] * torch.randn(8, 1, 1, 1))  # of rank 1
    todo = plan(net, Group(energy=0.7), EXAMPLE, overrides={"stage2.*": {"degree": 1}})
    degrees = {group.paths[0]: group.method.degree for group in todo.groups}
    assert degrees["stage1.0.0"] == 1 < degrees["stage1.1.0"]
    assert degrees["stage2.0.0"] == degrees["stage2.1.0"] == 1
    small = begin(net, todo).finish()
    assert torch.equal(load(save(small, tmp_path / "a.st"), model=small_net(1))(EXAMPLE), small(EXAMPLE))


class TestBatchNormBetween:
    """The architectural variant."""

    method = Group(4, between="bn-relu")

    def test_it_is_architectural(self):
        assert (self.method.kind, Group().kind) == ("architectural", "weight-space")
        layer = compress(small_net(), self.method, EXAMPLE).stage1[0][0]
        assert not layer.linear
        assert set(layer.forms()) == {"compact"}
        with pytest.raises(TypeError, match="not linear"):
            layer.dense_weight()

    def test_it_costs_what_the_plain_one_does(self):
        plans = [plan(small_net(), method, EXAMPLE) for method in (Group(4), self.method)]
        assert plans[0].after == plans[1].after != Cost(0, 0, 0)

    def test_batch_norm_and_activation_lie_between_the_factors(self):
        net = compress(small_net(), self.method, EXAMPLE).train()
        layer = net.stage1[0][0]
        x = torch.randn(4, 8, 6, 6)
        hidden = layer.first(x)
        hidden = (hidden - hidden.mean((0, 2, 3), keepdim=True)) / (
            hidden.var((0, 2, 3), keepdim=True, unbiased=False) + layer.between[0].eps
        ).sqrt()
        torch.testing.assert_close(layer(x), layer.second(hidden.relu()))

    def test_it_trains_deploys_and_is_stored(self, tmp_path):
        net = small_net().train()
        session = begin(net, plan(net, self.method, EXAMPLE))
        session.model(EXAMPLE).square().mean().backward()
        assert all(parameter.grad is not None for parameter in net.parameters())
        small = session.finish().eval()
        expected = small(EXAMPLE)
        assert torch.equal(load(save(small, tmp_path / "a.safetensors"), model=small_net(3))(EXAMPLE), expected)
        assert torch.equal(copy.deepcopy(small)(EXAMPLE), expected)
        assert torch.equal(fx.symbolic_trace(small)(EXAMPLE), expected)
        fast = deploy(small, EXAMPLE)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
        assert relative_error(fast(EXAMPLE), expected) < 1e-5
        assert relative_error(torch.export.export(fast, (EXAMPLE,)).module()(EXAMPLE), expected) < 1e-5

    def test_there_is_nothing_to_refit(self):
        with pytest.raises(SettingError, match="bn-relu between the factors"):
            Group(between="bn-relu", refit="ridge")


@pytest.mark.parametrize(
    "settings", [{"group_size": 0}, {"groups": 0}, {"degree": 0}, {"width": "wide"}, {"energy": 0.0}]
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError, match=f"group: {next(iter(settings))} is"):
        Group(**settings)
