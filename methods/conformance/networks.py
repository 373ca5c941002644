"""Small networks that a method is checked on: some failures show only where there are several layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contract.method import Method
from ..contract.spec import Layers
from ..plan.plan import Plan
from ..plan.planner import plan
from .compressing import randomise
from .failure import NotApplicable


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


class ReusedConv(nn.Module):
    """One convolution called at two sizes, by position and by keyword, and known under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.conv = nn.Conv2d(16, 16, 3, padding=1)
        self.same_conv = self.conv
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv(self.stem(x))), 2)
        return self.fc(F.relu(self.same_conv(input=x)).mean((2, 3)))


class TokenNet(nn.Module):
    """Patches as tokens: a linear layer called twice, one without bias, a residual, two convolutions, a classifier."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.patches = nn.Conv2d(width, width, 3, 3)
        self.expand = nn.Linear(width, 3 * width)
        self.reduce = nn.Linear(3 * width, width, bias=False)
        self.fc = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(F.relu(self.stem(x))).flatten(2).mT
        x = x + self.reduce(F.relu(self.expand(x)))
        return self.fc(self.reduce(F.relu(self.expand(input=x))).mean(1))


class DeepNet(nn.Sequential):
    """Twelve convolutions, so that even a coarse knob can be set to land near a budget."""

    def __init__(self) -> None:
        widths = [3, 16, 16, 24, 24, 24, 32, 32, 32, 32, 32, 32, 24]
        convs = [nn.Conv2d(c, n, 3, padding=1) for c, n in itertools.pairwise(widths)]
        super().__init__(*(layer for conv in convs for layer in (conv, nn.ReLU())))


@dataclass(frozen=True)
class NetworkCase:
    """A network with an input, compressed by the plan that users get.

    Attributes
    ----------
    build
        Makes the network; images have 3 channels.
    size
        Height and width of the input.
    layers
        What the plan is about.
    """

    build: Callable[[], nn.Module]
    size: tuple[int, int] = (12, 12)
    layers: Layers = "conv"

    def model(self, seed: int = 0) -> nn.Module:
        """Return the dense network in eval mode, with weights that follow from ``seed``."""
        model = self.build()
        randomise(model, seed)
        return model.eval()

    def example(self, batch: int = 2) -> Tensor:
        """Return an input ``(batch, 3, height, width)``."""
        return torch.randn(batch, 3, *self.size, generator=torch.Generator().manual_seed(1))

    def plan(self, method: Method) -> Plan:
        """Return the plan with the method's own choice of layers."""
        made = plan(self.model(), method, self.example(), layers=self.layers)
        if not made.groups:
            reasons = sorted({layer.reason for layer in made.layers if layer.reason})
            raise NotApplicable(f"compresses no layer of {self}: {'; '.join(reasons)}")
        return made

    def __str__(self) -> str:
        return self.build.__name__


def network_cases() -> tuple[NetworkCase, ...]:
    """Return the networks of every check that takes networks."""
    return (NetworkCase(SmallNet), NetworkCase(ReusedConv), NetworkCase(TokenNet, layers="conv+linear"))


def budget_cases() -> tuple[NetworkCase, ...]:
    """Return the network that budgets are met on."""
    return (NetworkCase(DeepNet),)
