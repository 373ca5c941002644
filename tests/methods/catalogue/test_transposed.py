"""Transposed convolutions: k-means expresses them like any other, every other method leaves them alone."""

import copy
import json

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import (
    SVD,
    KMeans,
    Plan,
    begin,
    compress,
    count_stored,
    deploy,
    get_method,
    list_methods,
    load,
    plan,
    save,
)

from ..cases import compressed, relative_error

GEOMETRIES = {
    "plain": {},
    "stride": {"stride": 2, "padding": 1, "output_padding": 1},
    "strides": {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 2)},
    "dilation": {"dilation": 2, "padding": 1},
    "groups": {"stride": 2, "groups": 2},
}


class UpNet(nn.Module):
    """Down and up again: a convolution and two transposed ones of the same kernel, one of them grouped."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 12, 3, 2, 1)
        self.middle = nn.ConvTranspose2d(12, 16, 3, padding=1, groups=2, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.up = nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.last(self.up(self.norm(self.middle(self.down(x))).relu()))


EXAMPLE = torch.randn(2, 3, 12, 12)


def up_net():
    torch.manual_seed(0)
    return UpNet().eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_layer_is_the_transposed_convolution(name, bias):
    conv = nn.ConvTranspose2d(6, 8, 3, bias=bias, **GEOMETRIES[name])
    x = torch.randn(2, 6, 7, 5)
    exact = compressed(conv, KMeans(10_000), x)
    assert relative_error(exact(x), conv(x)) < 1e-5
    rough = compressed(conv, KMeans(3, symmetry="D4"), x)
    assert rough.dense_weight().shape == conv.weight.shape
    for form in rough.forms().values():
        assert type(form) is nn.ConvTranspose2d
        assert relative_error(form(x), rough(x)) < 1e-5


def test_a_kernel_is_that_of_an_input_and_an_output():
    conv = nn.ConvTranspose2d(4, 6, 3, bias=False)
    layer = compressed(conv, KMeans(10_000), torch.randn(1, 4, 5, 5))
    assert layer.scale.shape == layer.index.shape == (4, 6)
    torch.testing.assert_close(layer.scale.abs(), conv.weight.flatten(2).norm(dim=2))
    assert KMeans(5).layer_cost(layer.spec).weights == 2 * 24 + 5 * 9


def test_an_output_size_can_be_asked_for():
    conv = nn.ConvTranspose2d(3, 5, 3, stride=3)
    layer = compressed(conv, KMeans(10_000), torch.randn(1, 3, 5, 5))
    x = torch.randn(2, 3, 5, 5)
    for size in ([15, 16], [17, 17], (2, 5, 16, 15)):
        assert relative_error(layer(x, output_size=size), conv(x, output_size=size)) < 1e-5
    with pytest.raises(RuntimeError, match="output padding"):
        layer(x, output_size=[18, 18])


def test_counts_are_those_of_the_layers():
    net = up_net()
    todo = plan(net, KMeans(8), EXAMPLE)
    assert [layer.path for layer in todo.layers if layer.group is not None] == ["down", "middle", "up"]
    # a transposed convolution applies every weight once for each position of its input
    assert todo.layers[2].before.macs == 16 * 8 * 9 * 6 * 6
    small = begin(net, todo).finish()
    stored = count_stored(small)
    assert (stored.weights, stored.bits) == (todo.after.weights, todo.after.bits)
    compact = deploy(small, EXAMPLE, forms="compact")
    counted = FlopCountAnalysis(compact, EXAMPLE[:1]).unsupported_ops_warnings(False).by_operator()
    assert counted["conv"] == todo.after.macs
    with FlopCounterMode(display=False) as counter:
        compact(EXAMPLE)
    assert counter.get_total_flops() == 2 * len(EXAMPLE) * todo.after.macs


def test_one_codebook_serves_both_kinds():
    net = compress(up_net(), KMeans(8), EXAMPLE)
    assert net.down.codebook is net.middle.codebook is net.up.codebook


def test_shared_convolutions_count_the_input_positions():
    layer = compressed(nn.ConvTranspose2d(6, 10, 3, stride=2), KMeans(1), torch.randn(1, 6, 4, 5))
    assert layer.shared_macs() == 4 * 5 * 9 * min(6, 10)


@pytest.mark.parametrize("method", [KMeans(8), KMeans(4, symmetry="ihvo", scale_bits=5)], ids=str)
def test_saved_and_loaded(method, tmp_path):
    small = compress(up_net(), method, EXAMPLE)
    again = load(save(small, tmp_path / "up.safetensors"), model=UpNet())
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))
    data = json.loads(json.dumps(small.decompbench_plan.to_json()))
    assert Plan.from_json(data) == small.decompbench_plan


def test_traced_copied_deployed_and_exported():
    small = compress(up_net(), KMeans(8), EXAMPLE)
    expected = small(EXAMPLE)
    torch.testing.assert_close(torch.fx.symbolic_trace(small)(EXAMPLE), expected)
    assert torch.equal(copy.deepcopy(small)(EXAMPLE), expected)
    deployed = deploy(small, EXAMPLE)
    torch.testing.assert_close(deployed(EXAMPLE), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        torch.export.export(deployed, (EXAMPLE,)).module()(EXAMPLE), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", [name for name in list_methods() if name not in ("kmeans", "dense")])
def test_other_methods_leave_them_alone(name):
    reasons = {layer.path: layer.reason for layer in plan(up_net(), get_method(name), EXAMPLE).layers}
    assert reasons["up"] == reasons["middle"] == f"{name} does not express a ConvTranspose2d"


def test_an_override_can_give_them_to_a_method_that_can():
    todo = plan(up_net(), SVD(0.3), EXAMPLE, overrides={"up": KMeans(8)})
    assert [layer.path for layer in todo.layers if isinstance(todo.method_of(layer), KMeans)] == ["up"]


def test_subclasses_are_skipped_by_exact_type():
    class Scaled(nn.ConvTranspose2d):
        def forward(self, input, output_size=None):
            return 2 * super().forward(input, output_size)

    todo = plan(nn.Sequential(Scaled(3, 16, 3)), KMeans(4), EXAMPLE)
    assert "may compute more" in todo.layers[0].reason


def test_a_plan_for_another_output_padding_is_refused():
    todo = plan(up_net(), KMeans(8), EXAMPLE)
    other = up_net()
    other.up = nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=0)
    with pytest.raises(ValueError, match="output_padding"):
        begin(other, todo)
    other.up = nn.Conv2d(16, 8, 3, 2, 1)
    with pytest.raises(ValueError, match="not a ConvTranspose2d"):
        begin(other, todo)
