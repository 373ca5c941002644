"""Convolutions and small networks that the tests of several methods share."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from decompbench.methods import ConvSpec, Method, trace

GEOMETRIES = {
    "plain": {},
    "stride": {"stride": 2, "padding": 1},
    "strides": {"stride": (2, 1), "padding": (1, 0)},
    "dilation": {"dilation": 2, "padding": 2},
    "same": {"padding": "same"},
    "reflect": {"padding": 1, "padding_mode": "reflect"},
    "circular": {"padding": (1, 2), "padding_mode": "circular"},
    "same-replicate": {"padding": "same", "padding_mode": "replicate", "dilation": 2},
}
SHAPES = [(8, 12, 3), (12, 6, 3), (7, 5, (1, 3)), (6, 8, 5)]


def conv_cases() -> list[nn.Conv2d]:
    """Return convolutions over shapes, geometries and biases."""
    torch.manual_seed(0)
    return [
        nn.Conv2d(c, n, k, bias=bias, **geometry)  # pyright: ignore[reportArgumentType]
        for (c, n, k), geometry, bias in itertools.product(SHAPES, GEOMETRIES.values(), (True, False))
    ]


def spec_of(conv: nn.Conv2d, x: Tensor) -> ConvSpec:
    """Return the traced spec of a lone convolution."""
    return trace(nn.Sequential(conv), x).specs[0]


def compressed(conv: nn.Conv2d, method: Method, x: Tensor) -> nn.Module:
    """Return what ``method`` puts in place of a lone convolution, whatever it costs."""
    return method.compress_layer(conv, spec_of(conv, x), torch.Generator().manual_seed(0))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Return ``‖actual − expected‖ / ‖expected‖``."""
    return ((actual - expected).norm() / expected.norm()).item()


class SmallNet(nn.Module):
    """Two stages with a stride, batch-norm, a depthwise and a 1×1 convolution, and a linear classifier."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.stage1 = nn.Sequential(*(self._unit(channels, channels, 1) for _ in range(2)))
        self.stage2 = nn.Sequential(self._unit(channels, 2 * channels, 2), self._unit(2 * channels, 2 * channels, 1))
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.pointwise = nn.Conv2d(2 * channels, 4 * channels, 1)
        self.fc = nn.Linear(4 * channels, 5)

    @staticmethod
    def _unit(c: int, n: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(c, n, 3, stride, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage2(self.stage1(self.stem(x)))
        return self.fc(self.pointwise(self.depthwise(x)).mean((2, 3)))


def small_net(seed: int = 0) -> SmallNet:
    """Return a `SmallNet` whose weights and batch-norm statistics are not the trivial ones."""
    torch.manual_seed(seed)
    net = SmallNet()
    with torch.no_grad():
        net.train()
        net(torch.randn(16, 3, 12, 12))
    return net.eval()
