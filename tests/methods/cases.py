"""Convolutions and small networks for the tests of several methods."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from decompbench.methods import ConvSpec, Method, trace
from decompbench.methods.conformance import conv_cases as conformance_cases
from decompbench.methods.conformance.networks import SmallNet

__all__ = ["SmallNet", "compressed", "conv_cases", "relative_error", "small_net", "spec_of"]


def conv_cases() -> list[nn.Conv2d]:
    """Return the conformance suite's convolutions that are in one group and have a kernel to decompose.

    Those that leave an output of 4 × 4 or more of an input of 9 × 10: the tests that take them draw their own inputs.
    """
    cases = [case for case in conformance_cases() if case.groups == 1 and case.kernel_size != (1, 1)]
    plain = [conv for case in cases if isinstance(conv := case.conv(), nn.Conv2d)]
    return [conv for conv in plain if _fits(conv, torch.empty(1, conv.in_channels, 9, 10))]


def _fits(conv: nn.Conv2d, x: Tensor) -> bool:
    try:
        return min(conv(x).shape[2:]) >= 4
    except RuntimeError:
        return False


def spec_of(conv: nn.Conv2d, x: Tensor) -> ConvSpec:
    """Return the traced spec of a lone convolution."""
    return trace(nn.Sequential(conv), x).specs[0]


def compressed(conv: nn.Conv2d, method: Method, x: Tensor) -> nn.Module:
    """Return what ``method`` puts in place of a lone convolution, whatever it costs."""
    return method.compress_layer(conv, spec_of(conv, x), torch.Generator().manual_seed(0))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Return ``‖actual − expected‖ / ‖expected‖``."""
    return ((actual - expected).norm() / expected.norm()).item()


def small_net(seed: int = 0) -> SmallNet:
    """Return a `SmallNet` whose weights and batch-norm statistics are not the trivial ones."""
    torch.manual_seed(seed)
    net = SmallNet()
    with torch.no_grad():
        net.train()
        net(torch.randn(16, 3, 12, 12))
    return net.eval()
