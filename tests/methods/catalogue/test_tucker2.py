"""Tucker-2: groups, identity blocks, pairs and orthogonal iteration; exact at full rank, counted as yu2021 does."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import (
    ConvSpec,
    SettingError,
    Target,
    Tucker2,
    begin,
    compress,
    count_stored,
    deploy,
    load,
    plan,
    save,
    trace,
)
from decompbench.methods.catalogue.tucker2.decomposition import decompose
from decompbench.methods.catalogue.tucker2.identity_blocks import identity_form
from decompbench.methods.catalogue.tucker2.layers import IdentityPair, Tucker2Conv2d
from decompbench.methods.numerics.linear import pivot_columns

from ..cases import compressed, conv_cases, relative_error, small_net, spec_of

FORMS = {
    "dense": {},
    "identity": {"coefficients": "identity"},
    "groups": {"groups": 4},
    "groups-identity": {"groups": 4, "coefficients": "identity"},
    "hooi": {"hooi": 2, "groups": 2},
}


def pointwise_cases():
    torch.manual_seed(1)
    geometries = (
        {},
        {"stride": 2},
        {"stride": (2, 1), "bias": False},
        {"padding": 1, "stride": 2},
        {"padding": "same"},
    )
    shapes = ((8, 8), (12, 16), (16, 6))
    return [nn.Conv2d(c, n, 1, **geometry) for (c, n), geometry in itertools.product(shapes, geometries)]


def cases():
    return [*conv_cases(), *pointwise_cases()]


@pytest.mark.parametrize("form", FORMS)
def test_full_rank_reproduces_the_convolution(form):
    for conv in cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        # ranks as large as the channels: a block of a 1×1 conv with few filters may have more than its ratio's share
        method = Tucker2(ranks=(conv.in_channels, conv.out_channels), **FORMS[form])
        assert relative_error(compressed(conv, method, x)(x), conv(x)) < 1e-5, conv


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_operator(form):
    for conv in cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        layer = compressed(conv, Tucker2(0.4, **FORMS[form]), x)
        for name, module in layer.forms().items():
            assert relative_error(module(x), layer(x)) < 1e-5, (name, conv)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rank", [0.4, 1.0])
def test_counts_of_a_layer_are_those_of_its_formula(form, rank):
    for conv in cases()[::2]:
        x = torch.randn(1, conv.in_channels, 9, 10)
        method, spec = Tucker2(rank, **FORMS[form]), spec_of(conv, x)
        net = nn.Sequential(compressed(conv, method, x)).requires_grad_(False)
        cost, stored = method.layer_cost(spec), count_stored(net)
        assert (stored.weights, stored.bits) == (cost.weights, cost.bits), conv
        with FlopCounterMode(display=False) as counter:
            net(x)
        assert counter.get_total_flops() == 2 * cost.macs, conv


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_identity_saves_what_equation_9_says_and_changes_nothing_else(groups):
    conv, x = nn.Conv2d(16, 24, 3, padding=1), torch.randn(2, 16, 8, 8)
    dense, sparse = (Tucker2(0.5, groups=groups, coefficients=kind) for kind in ("dense", "identity"))
    spec = spec_of(conv, x)
    assert dense.layer_cost(spec).weights == 8 * 12 * 9 + (8 * 16 + 12 * 24) // groups
    assert sparse.layer_cost(spec).weights == 8 * 12 * 9 + (8 * (16 - 8) + 12 * (24 - 12)) // groups
    for method in (dense, sparse):
        assert method.other_weights(spec) == {
            "dense_coefficients": dense.layer_cost(spec).weights,
            "identity_coefficients": sparse.layer_cost(spec).weights,
        }
    assert relative_error(compressed(conv, sparse, x)(x), compressed(conv, dense, x)(x)) < 1e-5


def test_groups_that_do_not_divide_become_the_largest_divisor_below():
    spec = ConvSpec.of(nn.Conv2d(18, 35, 3))
    method = Tucker2(0.5, groups=4)
    assert method.layer_groups(spec) == (3, 1)
    assert method.layer_ranks(spec) == (9, 18)
    assert method.with_settings(rank=0.01).layer_ranks(spec) == (3, 1)
    assert method.with_settings(ranks=(100, 100)).layer_ranks(spec) == (18, 35)
    assert method.with_settings(groups=1, groups_pointwise=4).layer_groups(spec) == (1, 1)
    pointwise = ConvSpec.of(nn.Conv2d(16, 8, 1))
    assert method.with_settings(groups=1, groups_pointwise=4).layer_groups(pointwise) == (4, 4)


def test_blocks_come_from_their_slices_of_the_unfoldings():
    weight = torch.randn(8, 6, 3, 3, dtype=torch.double)
    first, core, last = decompose(weight, (4, 4), (2, 2), 0)
    for block, slice_ in zip(last, weight.chunk(2), strict=True):
        expected = torch.linalg.svd(slice_.flatten(1))[0][:, :2]
        torch.testing.assert_close(block @ block.mT, expected @ expected.mT)
    for block, slice_ in zip(first, weight.chunk(2, 1), strict=True):
        expected = torch.linalg.svd(slice_.transpose(0, 1).flatten(1))[0][:, :2]
        torch.testing.assert_close(block.mT @ block, expected @ expected.mT)
    out, into = torch.block_diag(*last), torch.block_diag(*first)
    torch.testing.assert_close(core, torch.einsum("nchw,no,ic->oihw", weight, out, into))


@pytest.mark.parametrize("groups", [1, 2])
def test_error_never_grows_with_a_sweep_of_hooi(groups):
    torch.manual_seed(0)
    for _ in range(5):
        weight = torch.randn(12, 8, 3, 3, dtype=torch.double)
        kept = [decompose(weight, (4, 4), (groups, groups), sweeps)[1].square().sum() for sweeps in range(6)]
        assert all(later >= earlier * (1 - 1e-12) for earlier, later in itertools.pairwise(kept))
        assert kept[-1] > kept[0] * (1 + 1e-4)  # singular vectors alone are not optimal


def test_a_pointwise_conv_becomes_the_pair_or_three_whichever_is_smaller():
    conv, x = nn.Conv2d(32, 48, 1, stride=2), torch.randn(1, 32, 8, 8)
    spec = spec_of(conv, x)
    pair, three = Tucker2(0.5), Tucker2(0.5, groups=4)
    assert pair.layer_cost(spec).weights == 16 * 32 + 16 * 48
    assert three.layer_cost(spec).weights == 16 * 16 + (16 * 32 + 16 * 48) // 4
    assert isinstance(compressed(conv, three, x), Tucker2Conv2d)
    # the pair is the truncated SVD
    best = torch.linalg.svdvals(conv.weight.detach().double().flatten(1))[16:].square().sum()
    for method in (pair, Tucker2(0.5, coefficients="identity")):
        error = (compressed(conv, method, x).dense_weight() - conv.weight).detach().double().square().sum()
        assert error.item() == pytest.approx(best.item(), rel=1e-4)
    assert Tucker2(0.5, coefficients="identity").layer_cost(spec).weights == 16 * 32 + 16 * (48 - 16)
    assert isinstance(compressed(conv, Tucker2(0.5, coefficients="identity"), x), IdentityPair)
    # taking the stride first keeps the MACs per weight at one per output position
    for method in (pair, three):
        assert method.layer_cost(spec).macs == method.layer_cost(spec).weights * 16


@pytest.mark.parametrize("form", FORMS)
def test_cost_never_falls_as_the_knob_rises(form):
    specs = [trace(nn.Sequential(conv), torch.zeros(1, conv.in_channels, 9, 10)).specs[0] for conv in cases()]
    for spec in specs:
        costs = [Tucker2(step / 40, **FORMS[form]).layer_cost(spec).weights for step in range(1, 41)]
        assert costs == sorted(costs), spec


def test_macs_before_a_stride_dip_where_the_identity_holds_almost_all_channels():
    spec = spec_of(nn.Conv2d(16, 6, 3, stride=2), torch.zeros(1, 16, 11, 11))
    dense, identity = Tucker2(), Tucker2(coefficients="identity")
    lower, higher = (replace(identity, rank=rank).layer_cost(spec) for rank in (0.8261, 0.8696))
    assert lower.weights < higher.weights
    assert lower.macs > higher.macs
    assert (dense.budget_knob().dips, identity.budget_knob().dips) == ((), ("macs",))


def test_pivots_are_well_conditioned_where_leading_columns_are_not():
    torch.manual_seed(0)
    rows = torch.linalg.qr(torch.randn(40, 10, dtype=torch.double)).Q.mT.clone()
    rows[:, 1] = rows[:, 0] * (1 + 1e-9)
    chosen = pivot_columns(rows)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert torch.linalg.cond(rows[:, chosen]) < 50 < torch.linalg.cond(rows[:, :10])
    merged, mixing, passes = identity_form(rows[None])
    assert torch.equal(passes.nonzero()[:, 0], chosen)
    torch.testing.assert_close(merged[0], rows[:, passes])
    torch.testing.assert_close(merged[0] @ mixing[0], rows[:, ~passes])


@pytest.mark.parametrize("form", FORMS)
def test_saved_model_comes_back_to_the_bit_with_its_permutations(form, tmp_path):
    x = torch.randn(2, 3, 12, 12)
    small = compress(small_net(), Tucker2(0.4, **FORMS[form]), x).eval()
    again = load(save(small, tmp_path / "small.safetensors"), model=small_net(5))
    assert torch.equal(again(x), small(x))
    assert count_stored(again) == count_stored(small)
    copied = copy.deepcopy(small)
    assert torch.equal(copied(x), small(x))
    traced = torch.fx.symbolic_trace(small)
    assert torch.equal(traced(x), small(x))


@pytest.mark.parametrize("settings", [{"rank": 0.4}, {"rank": 0.4, "groups": 2}, {"rank": 1.0}], ids=str)
def test_the_file_holds_the_bits_that_are_counted(settings, tmp_path):
    convs = (nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 20, 3, bias=False), nn.Conv2d(20, 12, 1, bias=False))
    method = Tucker2(coefficients="identity", **settings)
    small = compress(nn.Sequential(*convs), method, torch.randn(1, 3, 9, 9), inefficient="replace")
    with safe_open(save(small, tmp_path / "small.safetensors"), "pt") as file:
        sizes = [file.get_tensor(name).nbytes for name in file.keys()]  # noqa: SIM118 - not a mapping
    counted = count_stored(small).bits / 8
    assert counted <= sum(sizes) < counted + 3  # masks are whole bytes


def test_a_state_brings_its_permutations_along():
    x = torch.randn(2, 3, 12, 12)
    method = Tucker2(0.4, coefficients="identity", groups=2)
    first, second = (compress(small_net(seed), method, x).eval() for seed in (0, 1))
    assert not torch.equal(first.stage1[0][0].first.order, second.stage1[0][0].first.order)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second(x), first(x))


@pytest.mark.parametrize("form", ["dense", "groups-identity"])
@pytest.mark.parametrize("forms", ["compact", "fastest"])
def test_deployed_model_can_be_exported(form, forms):
    x = torch.randn(2, 3, 12, 12)
    small = compress(small_net(), Tucker2(0.4, **FORMS[form]), x).eval()
    deployed = deploy(small, x, forms=forms)
    exported = torch.export.export(deployed, (x,)).module()
    assert relative_error(exported(x), small(x)) < 1e-5


def test_identity_layers_train_and_stay_in_their_form():
    net, x = small_net().train(), torch.randn(4, 3, 12, 12)
    session = begin(net, plan(net, Tucker2(0.4, coefficients="identity", groups=2), x))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    net(x).square().sum().backward()
    optimizer.step()
    changed = {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}
    assert "stage1.0.0.first.mixing.weight" in changed
    assert not any(key.endswith("passes") for key in changed)
    assert count_stored(session.finish()).weights == session.plan.after.weights


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_gathering_channels_keeps_the_memory_format(memory_format):
    x = torch.randn(2, 16, 8, 8)
    conv = nn.Conv2d(16, 24, 3)
    expected = compressed(conv, Tucker2(0.5), x)(x)
    layer = compressed(conv, Tucker2(0.5, coefficients="identity"), x).to(memory_format=memory_format)
    y = layer(x.to(memory_format=memory_format))
    assert y.is_contiguous(memory_format=memory_format)
    assert relative_error(y, expected) < 1e-5


def test_plan_counts_both_kinds_of_coefficients():
    net, x = small_net(), torch.randn(1, 3, 12, 12)
    plans = {kind: plan(net, Tucker2(0.4, coefficients=kind), x) for kind in ("dense", "identity")}
    expected = {f"{kind}_coefficients": todo.after.weights for kind, todo in plans.items()}
    assert plans["dense"].other_weights == plans["identity"].other_weights == expected
    assert expected["identity_coefficients"] < expected["dense_coefficients"]


@pytest.mark.parametrize("form", FORMS)
def test_budgets_are_met_from_below_in_every_form(form):
    net = nn.Sequential(*(nn.Conv2d(32, 32, 3, padding=1) for _ in range(6)), nn.Conv2d(32, 64, 1))
    todo = plan(net, Tucker2(**FORMS[form]), torch.randn(1, 32, 8, 8), Target(params=0.3))
    assert 0.9 * 0.3 < todo.ratio() <= 0.3


def test_ranks_from_a_file_may_be_a_list_and_wrong_ones_are_refused():
    assert Tucker2().with_settings(ranks=[3, 4]) == Tucker2(ranks=(3, 4))
    for wrong in ((3,), (0, 4), (2.5, 4), "34", 3):
        with pytest.raises(SettingError, match="ranks is"):
            Tucker2().with_settings(ranks=wrong)
