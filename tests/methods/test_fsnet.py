"""Filter summaries against plain loops."""

import pytest
import torch

from decompbench.methods import FSNet

from .cases import compressed, spec_of


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
