"""Allocation: never worse than one setting for all, within the budget, the same for the same weights at any scale."""

import copy
import json
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
import torch
from torch import nn

from decompbench.methods import (
    SVD,
    TT,
    Basis,
    ConvSpec,
    Cost,
    Factor,
    FactoredConv2d,
    Group,
    KMeans,
    Knob,
    Method,
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
    copy_bias,
    count_stored,
    load,
    plan,
    save,
)
from decompbench.models import load_model

from ...cases import small_net

EXAMPLE = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
METHODS = [SVD(), SpatialSVD(), Tucker2(), Basis(), TT()]
WORDS = ["energy", "evbmf", "global", "sensitivity"]


def trained():
    return load_model("resnet8", pretrained="fashion-mnist-10k").eval(), torch.zeros(1, 1, 28, 28)


def untrained():
    torch.manual_seed(0)
    return load_model("resnet20").eval(), torch.zeros(1, 3, 32, 32)


NETS = {"trained": trained, "untrained": untrained, "small": lambda: (small_net(), EXAMPLE)}


def summed_error(net, todo):
    """Return the relative errors of all layers of a plan, added up, measured from outside."""
    small = begin(copy.deepcopy(net), todo).finish()
    total = 0.0
    for group in todo.groups:
        weights = [net.get_submodule(path).weight.detach() for path in group.paths]
        new = [small.get_submodule(path).dense_weight().detach() for path in group.paths]
        lost = sum((a - b).double().square().sum() for a, b in zip(weights, new, strict=True))
        total += float(lost / sum(weight.double().square().sum() for weight in weights))
    return total


@pytest.mark.parametrize("method", [*METHODS, Basis(sharing="group"), Group(), Tucker2(hooi=1)], ids=str)
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("trained", Target(params=0.3)),
        ("trained", Target(params=0.7)),
        ("trained", Target(macs=0.5)),
        ("small", Target(bits=0.6)),
        ("untrained", Target(params=0.2)),
    ],
    ids=str,
)
def test_global_loses_no_more_than_uniform(name, method, target):
    net, example = NETS[name]()
    uniform = plan(net, method, example, target)
    shared = plan(net, method, example, target, allocate="global")
    assert shared.ratio(target.count) <= target.fraction
    assert shared.allocation.error == pytest.approx(summed_error(net, shared), abs=1e-6)
    assert shared.allocation.uniform_error == pytest.approx(summed_error(net, uniform), abs=1e-6)
    assert shared.allocation.error <= shared.allocation.uniform_error


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_global_is_better_by_far_on_trained_weights(method):
    net, example = trained()
    allocation = plan(net, method, example, Target(params=0.3), allocate="global").allocation
    assert allocation.error < 0.7 * allocation.uniform_error


@pytest.mark.parametrize("seed", range(4))
def test_global_is_the_optimum_of_a_tiny_network_or_one_step_away(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(3, 6, 3), *(nn.Conv2d(6, 6, 3, padding=1) for _ in range(3)))
    for conv in net:
        conv.weight.data *= torch.rand(6, 1, 1, 1) ** 3  # rows of very different length
    squares = [torch.linalg.svdvals(conv.weight.detach().flatten(1).double()).square() for conv in net[1:]]
    options = []
    for values in squares:
        lost = [float(values[rank:].sum() / values.sum()) for rank in range(1, 6)]
        options.append([(60 * rank, error) for rank, error in enumerate(lost, 1) if 60 * rank < 324] + [(324, 0.0)])
    step = max(before - after for curve in options for (_, before), (_, after) in pairwise(curve))
    dense = 162 + 3 * 324
    for fraction in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        room = fraction * dense - 162
        fits = [pick for pick in product(*options) if sum(cost for cost, _ in pick) <= room]
        best = min(sum(error for _, error in pick) for pick in fits)
        found = plan(net, SVD(), EXAMPLE, Target(params=fraction), allocate="global").allocation.error
        assert best - 1e-6 <= found < best + step


@pytest.mark.parametrize("method", [SVD(), SpatialSVD()], ids=str)
@pytest.mark.parametrize("by", ["energy", "evbmf", "global"])
def test_no_layer_could_have_a_rank_more(method, by):
    net, example = trained()
    todo = plan(net, method, example, Target(params=0.3), allocate=by)
    room = 0.3 * todo.before.weights - todo.after.weights
    assert room >= 0
    for layer in todo.layers:
        if layer.group is not None:
            rank = todo.method_of(layer).width(layer.spec)
            per_rank = layer.after.weights / rank
            assert per_rank > room or (rank + 1) * per_rank >= layer.before.weights > layer.after.weights + room


def test_energy_keeps_one_fraction_in_all_layers():
    net, example = trained()
    todo = plan(net, SVD(), example, Target(params=0.3), allocate="energy")
    errors, step = [], []
    for group in todo.groups:
        (path,) = group.paths
        squares = torch.linalg.svdvals(net.get_submodule(path).weight.detach().flatten(1).double()).square()
        spec = next(layer.spec for layer in todo.layers if layer.path == path)
        rank = group.method.width(spec)
        errors.append(float(squares[rank:].sum() / squares.sum()))
        step.append(float(squares[rank - 1 :].sum() / squares.sum()))
    # the smallest rank that keeps the fraction: with one less every layer would keep less than the worst one does
    assert min(step) >= max(errors) - 0.05
    assert max(errors) - min(errors) < 0.1


def test_evbmf_ranks_are_scaled_by_one_factor():
    from decompbench.methods.authoring import evbmf_rank, squared_spectra

    net, example = trained()
    todo = plan(net, SVD(), example, Target(params=0.3), allocate="evbmf")
    factors = []
    for group in todo.groups:
        (path,) = group.paths
        matrix = net.get_submodule(path).weight.flatten(1)
        spec = next(layer.spec for layer in todo.layers if layer.path == path)
        found = evbmf_rank(squared_spectra(matrix), *matrix.shape)
        factors.append((group.method.width(spec) / found, 1 / found))
    low, high = max(factor for factor, _ in factors), min(factor + 2 * step for factor, step in factors)
    assert low <= high


@pytest.mark.parametrize("by", WORDS)
def test_the_same_weights_give_the_same_plan_and_stay_as_they_are(by):
    net, example = trained()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    calibration = [torch.randn(4, 1, 28, 28)]
    before = torch.get_rng_state()
    first, second = (
        plan(net, Tucker2(), example, Target(params=0.3), allocate=by, calibration=calibration) for _ in range(2)
    )
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert not any(module.training for module in net.modules())


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("by", ["energy", "evbmf", "global"])
def test_the_scale_of_a_layer_does_not_matter(method, by):
    net, example = trained()
    scaled = copy.deepcopy(net)
    for index, module in enumerate(module for module in scaled.modules() if isinstance(module, nn.Conv2d)):
        module.weight.data *= 4.0 ** (index - 3)
    plans = [plan(each, method, example, Target(params=0.3), allocate=by) for each in (net, scaled)]
    assert plans[0].groups == plans[1].groups
    assert plans[0].layers == plans[1].layers


def test_layers_may_stay_dense_where_that_is_worth_it_and_say_so():
    net, example = trained()
    todo = plan(net, SVD(), example, Target(params=0.5), allocate="global")
    reasons = [layer.reason for layer in todo.layers]
    assert "left dense by allocate=global" in reasons
    assert "left dense by allocate=global" in str(todo)
    replaced = plan(net, SVD(), example, Target(params=0.5), allocate="global", inefficient="replace")
    assert all(layer.group is not None for layer in replaced.layers[1:])
    assert replaced.ratio() <= 0.5


def test_the_plan_tells_what_was_won_and_keeps_it(tmp_path):
    net, example = trained()
    uniform, shared = (plan(net, SVD(), example, Target(params=0.3), allocate=by) for by in ("uniform", "global"))
    assert uniform.allocation is None
    assert "allocation" not in uniform.to_json()
    error, before = shared.allocation.error, shared.allocation.uniform_error
    told = f"allocate=global: summed relative error {error:.4g}, with one setting for all layers {before:.4g}"
    assert told in str(shared).splitlines()
    again = Plan.from_json(json.loads(json.dumps(shared.to_json())))
    assert again == shared
    small = begin(copy.deepcopy(net), shared).finish()
    assert count_stored(small).weights == shared.after.weights
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(load(save(small, tmp_path / "a.safetensors"), model=net)(x), small(x))


def test_layers_that_share_move_together():
    net, example = trained()
    todo = plan(net, Basis(sharing="block"), example, Target(params=0.3), allocate="global")
    assert any(len(group.paths) == 2 for group in todo.groups)
    assert len({group.method.rank for group in todo.groups}) > 1


def test_overrides_and_choices_of_layers_stay_what_they_are():
    net = small_net()
    settings = {"overrides": {"stage2.1.0": SVD(0.5), "stage1.0.0": None}, "select": Select(include=("stage*",))}
    todo = plan(net, SVD(), EXAMPLE, Target(params=0.6), allocate="global", **settings)
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage2.1.0"] == SVD(0.5)
    reasons = {layer.path: layer.reason for layer in todo.layers}
    assert reasons["stage1.0.0"] == "left dense by an override"
    assert reasons["pointwise"].startswith("not selected")
    assert todo.ratio() <= 0.6


def test_a_budget_out_of_reach_is_what_it_is_without():
    net = small_net()
    with pytest.raises(UnreachableTarget):
        plan(net, KMeans(), EXAMPLE, Target(params=0.1), allocate="global")
    todo = plan(net, KMeans(), EXAMPLE, Target(params=0.1), allocate="global", unreachable="nearest")
    assert todo == plan(net, KMeans(), EXAMPLE, Target(params=0.1), unreachable="nearest")


@dataclass(frozen=True)
class FirstFilters(Method):
    """A plugin's method: filters are combinations of the first few. It gives no curve of its own."""

    share_of_filters: float = 0.5
    name = "first-filters"
    knob = Knob("share_of_filters", 1e-6, 1.0)

    def width(self, spec):
        return max(1, round(self.share_of_filters * min(spec.out_channels, spec.fan_in)))

    def layer_cost(self, spec: ConvSpec):
        weights = self.width(spec) * (spec.fan_in + spec.out_channels)
        return Cost.of(weights, weights * spec.output_positions)

    def compress_layer(self, conv, spec, generator):
        layer, rows = FactoredConv2d(spec, self.width(spec)), conv.weight.detach().flatten(1)
        kept = rows[: self.width(spec)]
        layer.set_factors(kept, rows @ torch.linalg.pinv(kept))
        copy_bias(conv, layer.second)
        return layer


@pytest.mark.parametrize("by", ["energy", "global"])
def test_a_plugins_method_without_a_curve_is_measured(by):
    net, example = trained()
    select = Select(skip_first=1)
    todo = plan(net, FirstFilters(), example, Target(params=0.3), allocate=by, select=select)
    assert 0.29 < todo.ratio() <= 0.3
    assert len({group.method.share_of_filters for group in todo.groups}) > 1
    if by == "global":
        assert todo.allocation.error < todo.allocation.uniform_error


def test_weights_of_zero_need_no_rank():
    net, example = trained()
    net.layer3[0].conv2.weight.data.zero_()
    for by in ("energy", "evbmf", "global"):
        todo = plan(net, SVD(), example, Target(params=0.3), allocate=by)
        method = next(todo.method_of(layer) for layer in todo.layers if layer.path == "layer3.0.conv2")
        assert method.width(todo.layers[-1].spec) == 1


class TwoBranches(nn.Module):
    """Two convolutions with equal weights, of which the output hardly sees the second."""

    def __init__(self, little):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 16, 3)
        self.seen, self.unseen = nn.Conv2d(16, 16, 3, bias=False), nn.Conv2d(16, 16, 3, bias=False)
        self.unseen.weight.data.copy_(self.seen.weight)
        self.little = little

    def forward(self, x):
        x = self.stem(x)
        return {"sum": self.seen(x) + self.little * self.unseen(x), "labels": torch.arange(len(x))}


def test_a_layer_that_the_output_hardly_sees_gets_little():
    net = TwoBranches(0.01)
    sizes = {}
    for by in ("global", "sensitivity"):
        todo = plan(net, SVD(), EXAMPLE, Target(params=0.5), allocate=by, calibration=iter([EXAMPLE]))
        sizes[by] = [layer.after.weights for layer in todo.layers[1:]]
    assert sizes["global"][0] == pytest.approx(sizes["global"][1], rel=0.2)
    assert sizes["sensitivity"] == [1920, 160]  # the first has all but one rank's worth
    assert todo.allocation.error < todo.allocation.uniform_error


def test_the_expected_change_is_that_of_the_output_for_a_layer_alone():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
    todo = plan(net, SVD(), EXAMPLE, Target(params=0.6), allocate="sensitivity", calibration=[EXAMPLE])
    small = begin(copy.deepcopy(net), todo).finish()
    with torch.no_grad():
        change = (net(EXAMPLE) - small(EXAMPLE)).square().sum() / net(EXAMPLE).square().sum()
    assert todo.allocation.error == pytest.approx(change.item(), rel=1e-4)
    assert "expected relative change of the output" in str(todo)


def test_inputs_that_come_once_serve_the_plan_and_the_refit():
    net, example = trained()
    batches = (torch.randn(8, 1, 28, 28) for _ in range(20))
    method = SVD(refit="ridge", samples=32)
    compress(net, method, example, Target(params=0.3), allocate="sensitivity", calibration=batches)
    assert any(isinstance(module, FactoredConv2d) for module in net.modules())


def not_finite():
    net = small_net()
    net.stage1[0][0].weight.data[0, 0, 0, 0] = float("nan")
    return net


@pytest.mark.parametrize(
    ("net", "method", "settings", "message"),
    [
        (small_net, SVD(), {"allocate": "globl"}, "allocate is 'uniform', .* or 'sensitivity', got 'globl'"),
        (small_net, Factor(), {"allocate": "global"}, "factor.* is architectural: .*no error to allocate by"),
        (small_net, Basis(between="bn"), {"allocate": "energy"}, "basis.* is architectural"),
        (small_net, SVD(), {"allocate": "global", "target": None}, "shares out a budget: give one, such as Target"),
        (small_net, SVD(), {"allocate": "sensitivity"}, "pass calibration=batches, some 128 inputs"),
        (small_net, SVD(), {"allocate": "sensitivity", "calibration": EXAMPLE}, r"in a list, \[batch\]"),
        (small_net, KMeans(), {"allocate": "evbmf"}, r"kmeans\(.*truncates no matrix at its knob"),
        (small_net, Group(), {"allocate": "evbmf"}, r"group\(.*truncates no matrix at its knob"),
        (not_finite, SVD(), {"allocate": "global"}, r"weight of 'stage1.0.0' has values that are not finite"),
        (lambda: small_net().to("meta"), SVD(), {"allocate": "global"}, r"'stage1.0.0' has none \(meta device\)"),
        (small_net, Tucker2(choose="energy"), {"allocate": "global"}, "has no knob"),
    ],
)
def test_what_cannot_be_allocated_says_why(net, method, settings, message):
    built = net()
    example = EXAMPLE.to(built.stem.weight.device)
    with pytest.raises(MethodError, match=message):
        plan(built, method, example, **{"target": Target(params=0.6), **settings})


def test_words_are_a_setting_like_others():
    with pytest.raises(SettingError):
        compress(small_net(), SVD(), EXAMPLE, Target(params=0.5), allocate="best")
