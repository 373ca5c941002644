"""Chains of convolutions: spatial SVD, CP and tensor-train on kernels of every shape, and their counts."""

import itertools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import CP, SVD, TT, Select, SpatialSVD, Target, compress, count_stored, deploy, plan
from decompbench.models import load_model

from ..cases import compressed, relative_error, spec_of

METHODS = [SpatialSVD, CP, TT]
KERNELS = [(1, 1), (3, 1), (1, 3), (5, 3), (2, 4)]
GEOMETRIES = [
    {"stride": (2, 3), "padding": (1, 2)},
    {"stride": (1, 2), "padding": 1, "padding_mode": "reflect", "bias": False},
    {"dilation": (1, 2), "padding": "same", "padding_mode": "circular"},
    {"padding": "valid"},
]


def cases():
    torch.manual_seed(0)
    for kernel, geometry in itertools.product(KERNELS, GEOMETRIES):
        yield nn.Conv2d(6, 9, kernel, **geometry)
        yield nn.Conv2d(9, 4, kernel, **geometry)


def macs(module, x):
    """Return the multiply-accumulates by torch's counter, which knows padding in words; fvcore does not."""
    with FlopCounterMode(display=False) as counter:
        module(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("method", METHODS)
def test_every_kernel_and_geometry_is_reproduced(method):
    for conv in cases():
        x = torch.randn(2, conv.in_channels, 11, 12)
        layer = compressed(conv, method(rank=1.0), x)
        assert relative_error(layer(x), conv(x)) < 1e-5, conv
        assert relative_error(layer.dense_weight(), conv.weight) < 1e-5, conv


@pytest.mark.parametrize("method", METHODS)
def test_costs_are_those_counted_whatever_the_kernel(method):
    for conv in cases():
        x = torch.randn(1, conv.in_channels, 11, 12)
        small = method(rank=0.3)
        layer = compressed(conv, small, x).eval()
        cost = small.layer_cost(spec_of(conv, x))
        assert count_stored(layer).weights == cost.weights, conv
        assert macs(layer, x) == cost.macs, conv


class Pyramid(nn.Module):
    """One convolution with a stride, applied to two sizes that are not in proportion."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3, stride=2, padding=1)

    def forward(self, x):
        return self.conv(x).mean((2, 3)) + self.conv(x[:, :, :7, :10]).mean((2, 3))


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_called_at_two_sizes_is_counted_at_both(method):
    x = torch.randn(1, 8, 15, 12)
    net = Pyramid().eval()
    todo = plan(net, method(rank=0.2), x, select=Select())
    assert todo.groups
    compact = deploy(compress(net, method(rank=0.2), x, select=Select()), x, forms="compact")
    assert macs(compact, x) == todo.after.macs


@pytest.mark.parametrize("method", METHODS)
def test_a_pointwise_convolution_is_decomposed_as_by_svd(method):
    conv = nn.Conv2d(12, 20, 1, stride=2)
    x = torch.randn(2, 12, 7, 7)
    plain, chain = SVD(rank=0.5), method(rank=0.5)
    assert chain.layer_cost(spec_of(conv, x)) == plain.layer_cost(spec_of(conv, x))
    torch.testing.assert_close(compressed(conv, chain, x)(x), compressed(conv, plain, x)(x))


@pytest.mark.parametrize("method", METHODS)
def test_grouped_convolutions_are_skipped_with_a_reason(method):
    net = nn.Sequential(nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 8, 3, groups=8))
    todo = plan(net, method(), torch.randn(1, 8, 9, 9), select=Select())
    assert [layer.reason for layer in todo.layers] == ["grouped convolution (2 groups)", "depthwise convolution"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("model", "size"), [("resnet8", 28), ("timm/resnet18", 64)])
def test_a_third_of_the_weights_is_within_reach(method, model, size):
    net = load_model(model)
    todo = plan(net, method(), torch.zeros(1, 3, size, size), Target(params=0.3))
    assert 0.29 < todo.ratio() <= 0.3


@pytest.mark.parametrize("method", METHODS)
def test_the_deployed_form_can_be_exported(method):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16))
    x = torch.randn(2, 3, 12, 12)
    deployed = deploy(compress(net, method(rank=0.2), x).eval(), x, forms="compact")
    exported = torch.export.export(deployed, (x,))
    torch.testing.assert_close(exported.module()(x), deployed(x))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())
