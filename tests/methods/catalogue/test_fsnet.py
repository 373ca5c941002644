"""FSNet: filter summaries against plain loops, quantised ones, and the paper's ratios."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from decompbench.methods import FSNet, SettingError, begin, compress, count_stored, plan
from decompbench.methods.numerics.quantisation import from_levels, to_levels

from ..cases import compressed, small_net, spec_of

EXAMPLE = torch.randn(2, 3, 12, 12)


def loop_filters(summary, k1, k2, k3, c, kh, kw):
    """Read the filters out of a summary ``(F1, F2, C)`` as the paper describes it, one element at a time."""
    rows, columns, channels = summary.shape
    filters = torch.zeros(k1 * k2 * k3, c, kh, kw)
    for a in range(k1):
        for b in range(k2):
            for d in range(k3):
                for i in range(c):
                    for y in range(kh):
                        for x in range(kw):
                            value = summary[
                                (2 * a + y) % rows, (2 * b + x) % columns, (d * channels // k3 + i) % channels
                            ]
                            filters[(a * k2 + b) * k3 + d, i, y, x] = value
    return filters


@pytest.mark.parametrize(("c", "n", "depth"), [(8, 16, 4), (6, 12, 2), (3, 8, 1), (5, 18, 3)])
def test_filters_are_overlapping_blocks_with_wrap_around(c, n, depth):
    conv = torch.nn.Conv2d(c, n, 3)
    layer = compressed(conv, FSNet(depth=depth), torch.randn(1, c, 8, 8))
    places = FSNet(depth=depth).places(layer.spec)
    k1, k2, k3 = places.k1, places.k2, places.k3
    assert (k1 * k2 * k3, k3, places.channels) == (n, depth, c)
    assert layer.summary.numel() == (n // depth) * 4 * c
    torch.nn.init.normal_(layer.summary)
    assert layer.summary.shape == (2 * k1, 2 * k2, c)
    assert torch.equal(layer.dense_weight(), loop_filters(layer.summary.detach(), k1, k2, k3, c, 3, 3))


def test_gradient_is_the_mean_over_uses():
    conv = torch.nn.Conv2d(8, 16, 3)
    layer = compressed(conv, FSNet(), torch.randn(1, 8, 8, 8))
    upstream = torch.randn(16, 8, 3, 3)
    layer.dense_weight().backward(upstream)
    expected = torch.zeros(layer.summary.numel())
    uses = torch.zeros(layer.summary.numel())
    for element, gradient in zip(layer.index.flatten().tolist(), upstream.flatten(), strict=True):
        expected[element] += gradient
        uses[element] += 1
    torch.testing.assert_close(layer.summary.grad.flatten(), expected / uses.clamp(min=1))
    assert uses.max() > uses[uses > 0].min(), "elements are used differently often, or mean and sum would be alike"


def test_initial_summary_is_the_mean_of_the_trained_weights():
    conv = torch.nn.Conv2d(4, 16, 3)
    layer = compressed(conv, FSNet(), torch.randn(1, 4, 8, 8))
    for element in (0, 5, layer.summary.numel() - 1):
        members = conv.weight.detach()[layer.index == element]
        assert layer.summary.flatten()[element].item() == pytest.approx(members.mean().item(), rel=1e-5)


def test_random_start_has_the_variance_of_kaiming():
    layer = compressed(torch.nn.Conv2d(64, 64, 3), FSNet(init="random"), torch.randn(1, 64, 4, 4))
    assert layer.summary.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.1)


def test_pointwise_summary_is_one_dimensional_and_sized_by_ratio():
    conv = torch.nn.Conv2d(32, 64, 1)
    layer = compressed(conv, FSNet(), torch.randn(1, 32, 4, 4))
    assert layer.summary.numel() == 32 * 64 // 8
    starts = layer.index[:, 0, 0, 0]
    assert torch.equal(starts, torch.arange(64) * 256 // 64)
    assert spec_of(conv, torch.randn(1, 32, 4, 4)).kernel_area == 1


@pytest.mark.parametrize(
    ("filters", "depth"), [(12, 2), (16, 4), (32, 2), (64, 4), (128, 4), (256, 4), (512, 8), (20, 4), (100, 4)]
)
def test_the_ratio_is_that_of_the_papers_table(filters, depth):
    # yang2020, table 1 and eq. 1; other numbers of filters take the nearest of the table
    spec = spec_of(nn.Conv2d(16, filters, 3), torch.randn(1, 16, 4, 4))
    assert spec.weights / FSNet().layer_cost(spec).weights == 9 * depth / 4


@pytest.mark.parametrize(
    ("c", "n", "depth", "expected"),
    [(3, 64, None, 4), (3, 512, None, 8), (1, 64, None, 4), (3, 16, 4, 4), (16, 32, 64, 32), (1, 64, 64, 4)],
)
def test_no_two_filters_are_the_same_where_channels_are_few(c, n, depth, expected):
    conv = nn.Conv2d(c, n, 3)
    layer = compressed(conv, FSNet(depth=depth), torch.randn(1, c, 4, 4))
    assert len(layer.index.flatten(1).unique(dim=0)) == n
    # the size is that of the paper's K3, and every element is used
    assert conv.weight.numel() / layer.summary.numel() == 9 * expected / 4
    assert len(layer.index.unique()) == layer.summary.numel()


def test_a_gradient_is_the_mean_or_the_sum_over_the_uses():
    conv, x = nn.Conv2d(8, 64, 3), torch.randn(1, 8, 6, 6)
    gradients = {}
    for kind in ("mean", "sum"):
        layer = compressed(conv, FSNet(gradient=kind), x)
        layer(x).square().sum().backward()
        gradients[kind] = layer.summary.grad.flatten()
    assert torch.allclose(gradients["sum"], gradients["mean"] * layer.uses, rtol=1e-4)
    assert (layer.uses > 1).any()


@pytest.mark.parametrize("kernel", [7, (1, 3), 5])
def test_what_has_no_summary_is_quantised_whole(kernel):
    net = nn.Sequential(nn.Conv2d(3, 16, kernel, stride=2))
    weight = net[0].weight.detach().clone()
    x = torch.randn(1, 3, 16, 16)
    assert "not" in (plan(net, FSNet(), x).layers[0].reason or "")
    todo = plan(net, FSNet(weight_bits=8), x)
    assert (todo.after.weights, todo.after.quantised) == (weight.numel(), weight.numel())
    layer = compress(net, FSNet(weight_bits=8), x)[0]
    assert (layer.dense_weight() - weight).abs().max() <= 0.5001 * (weight.max() - weight.min()) / 255
    assert count_stored(net).bits == todo.after.bits == 8 * weight.numel() + 64


def test_summaries_end_on_256_levels_between_their_ends():
    net = nn.Sequential(nn.Conv2d(8, 64, 3), nn.Conv2d(64, 32, 1))
    session = begin(net, plan(net, FSNet(weight_bits=8), torch.randn(1, 8, 8, 8)))
    before = [layer.summary.detach().clone() for layer in net]
    assert all(layer.summary.requires_grad for layer in net)
    session.finish()
    for layer, summary in zip(net, before, strict=True):
        low, high = summary.min(), summary.max()
        weight = layer.dense_weight()
        assert layer.summary.dtype == torch.uint8
        assert torch.equal(layer.ends, torch.stack([low, high]))
        assert weight.min() == low
        assert weight.max() == high
        levels = (weight - low) / (high - low) * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
        assert (weight - summary.flatten()[layer.index]).abs().max() <= 0.5001 * (high - low) / 255
        assert [name for name, _ in layer.named_parameters()] == ["bias"]


def test_a_quantised_element_is_a_byte_and_a_summary_keeps_its_ends():
    net = compress(small_net(), FSNet(weight_bits=8), EXAMPLE)
    plain = compress(small_net(), FSNet(), EXAMPLE)
    layers = [module for module in net.modules() if hasattr(module, "summary")]
    elements = sum(layer.summary.numel() for layer in layers)
    stored, unquantised = count_stored(net), count_stored(plain)
    assert stored.weights == unquantised.weights
    assert stored.quantised == elements
    assert stored.bits == unquantised.bits - 24 * elements + 64 * len(layers)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_levels_are_the_nearest_and_keep_both_ends(values, dtype):
    tensor = torch.tensor(values, dtype=dtype)
    codes, ends = to_levels(tensor, 8)
    back = from_levels(codes, ends, 8)
    assert (back - tensor).abs().max() <= 0.5001 * (ends[1] - ends[0]) / 255 + 1e-6 * tensor.abs().max()
    assert (back.min(), back.max()) == (tensor.min(), tensor.max())


def test_half_precision_summaries_are_quantised_too():
    net = compress(small_net().bfloat16(), FSNet(weight_bits=8), EXAMPLE.bfloat16())
    assert net.stem.dense_weight().dtype == torch.bfloat16
    assert net(EXAMPLE.bfloat16()).isfinite().all()


def test_only_whole_bytes_are_offered():
    with pytest.raises(SettingError, match="None or 8, got 4"):
        FSNet(weight_bits=4)


def test_the_paper_trains_for_four_cycles():
    assert FSNet().training_cycles == 4


@pytest.mark.parametrize(("c", "n", "groups"), [(64, 64, 64), (128, 128, 64), (64, 128, 16), (16, 64, 1)])
def test_no_two_filters_are_the_same_unless_colours_are_fewer_than_the_depth(c, n, groups):
    conv = nn.Conv2d(c, n, 3, padding=1, groups=groups)
    spec = spec_of(conv, torch.zeros(1, c, 8, 8))
    index = FSNet().places(spec).index(spec)
    assert len(index.flatten(1).unique(dim=0)) == n
