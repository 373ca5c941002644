"""The stored count: weights, bits and MACs of a model are those of its plan."""

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import Cost, Target, begin, compress, count_stored, deploy, get_method, list_methods, plan

from ..cases import small_net

EXAMPLE = torch.randn(2, 3, 12, 12)
VARIANTS = [
    ("svd", {}),
    ("spatial-svd", {}),
    ("cp", {}),
    ("tt", {}),
    ("basis", {}),
    ("basis", {"sharing": "group"}),
    ("basis", {"sharing": "network"}),
    ("factor", {}),
    ("factor", {"stacks": 3}),
    ("kmeans", {"clusters": 20}),
    ("kmeans", {"clusters": 5, "codebook": "layer"}),
    ("kmeans", {"clusters": 5, "codebook": "group", "symmetry": "D4", "scale_bits": 4}),
    ("group", {}),
    ("group", {"groups": 2, "width": "out"}),
    ("group", {"group_size": 8, "degree": 2}),
    ("group", {"between": "bn-prelu"}),
    ("tucker2", {}),
    ("tucker2", {"coefficients": "identity"}),
    ("tucker2", {"coefficients": "identity", "groups": 2, "groups_pointwise": 4, "hooi": 1}),
    ("fsnet", {}),
    ("fsnet", {"depth": 1}),
    ("fsnet", {"weight_bits": 8}),
    ("dense", {}),
]


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_analytic_counts_equal_measured_ones(name, settings):
    net = small_net()
    todo = plan(net, get_method(name, **settings), EXAMPLE)
    small = begin(net, todo).finish()
    stored = count_stored(small)
    after = todo.after
    assert (stored.weights, stored.bits, stored.quantised) == (after.weights, after.bits, after.quantised)
    compact = deploy(small, EXAMPLE, forms="compact")
    counted = FlopCountAnalysis(compact, EXAMPLE[:1]).unsupported_ops_warnings(False).by_operator()
    assert counted["conv"] == todo.after.macs
    assert counted["linear"] == todo.linear_macs
    with FlopCounterMode(display=False) as counter:
        compact(EXAMPLE)
    assert counter.get_total_flops() == 2 * len(EXAMPLE) * (todo.after.macs + todo.linear_macs)


def test_dense_cost_counts_every_convolution():
    net = small_net()
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    todo = plan(net, get_method("dense"), EXAMPLE)
    assert todo.before == todo.after
    assert todo.before.weights == sum(conv.weight.numel() for conv in convs)


def test_shared_tensors_count_once():
    net = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3))
    net[1].weight = net[0].weight
    assert count_stored(net).weights == 144


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "dense"])
@pytest.mark.parametrize("fraction", [0.4, 0.3])
def test_budgets_are_met_from_below(name, fraction):
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(32, 32, 3), nn.Conv2d(32, 24, 3)
    )
    todo = plan(net, get_method(name), torch.randn(1, 3, 16, 16), Target(params=fraction))
    assert 0.9 * fraction < todo.ratio() <= fraction
    assert count_stored(begin(net, todo).finish()).weights == todo.after.weights


@pytest.mark.parametrize("count", ["macs", "bits"])
def test_budgets_on_other_counts(count):
    net = small_net()
    todo = plan(net, get_method("svd"), EXAMPLE, Target(**{count: 0.5}))
    assert 0.45 < todo.ratio(count) <= 0.5


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, 32), (torch.bfloat16, 16), (torch.float64, 64)])
@pytest.mark.parametrize("name", ["dense", "svd", "basis", "fsnet"])
def test_bits_are_those_of_the_dtype(name, dtype, bits):
    net = small_net().to(dtype)
    stored = count_stored(compress(net, get_method(name), EXAMPLE.to(dtype)))
    assert stored.bits == bits * stored.weights


def test_kmeans_is_counted_as_its_paper_does():
    net = nn.Sequential(nn.Conv2d(8, 16, 3, bias=False))
    small = compress(net, get_method("kmeans", clusters=16), torch.randn(1, 8, 8, 8))
    stored = count_stored(small)
    assert stored.weights == 2 * 8 * 16 + 16 * 9
    assert stored.bits == 8 * 16 * (16 + 4) + 32 * 16 * 9


def test_cost_adds_up():
    assert Cost.total([Cost(1, 2, 3), Cost(10, 20, 30)]) == Cost(11, 22, 33)


def test_weights_that_are_computed_count_each():
    net = nn.Sequential(*(weight_norm(nn.Conv2d(8, 8, 3)) for _ in range(4)))
    with torch.no_grad():
        assert count_stored(net).weights == 4 * 8 * 8 * 9
