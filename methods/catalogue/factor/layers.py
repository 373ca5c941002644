"""The layers of factorised convolutions: depthwise and 1×1 in turn, and a 1×1 that sees a window of its channels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import isqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...contract.layers import CompressedConv2d, make_between
from ...contract.spec import ConvSpec
from ...numerics.linear import largest_divisor

Norm = Literal["none", "depthwise", "both"]
"""After which convolutions of an SIC batch-norm is."""
Activation = Literal["relu", "prelu"]
"""The activation that ends an SIC."""


class SIC(nn.Module):
    """Single intra-channel convolution: depthwise, then 1×1, plus the input where shapes allow, then the activation.

    Parameters
    ----------
    depthwise
        Convolution of ``a`` channels in ``a`` groups.
    out_channels
        Channels ``b`` after the 1×1.
    norm
        Where batch-norm is.
    bias
        Whether the 1×1 has a bias.
    window
        Side of the window of input channels that an output of the 1×1 sees; None for all.
    activation
        ReLU, or a PReLU with one slope of its own.
    """

    def __init__(
        self,
        depthwise: nn.Conv2d,
        out_channels: int,
        *,
        norm: Norm,
        bias: bool,
        window: int | None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        channels = depthwise.in_channels
        # decided here, not from the shapes in forward, which a symbolic trace could not follow
        self.residual = channels == out_channels and _keeps_size(depthwise)
        self.depthwise = depthwise
        self.depthwise_norm = make_between("none" if norm == "none" else "bn", channels)
        self.pointwise: nn.Conv2d | WindowedPointwise = (
            nn.Conv2d(channels, out_channels, 1, bias=bias)
            if window_size(channels, window) == channels
            else WindowedPointwise(channels, out_channels, window or 1, bias=bias)
        )
        self.pointwise_norm = make_between("bn" if norm == "both" else "none", out_channels)
        self.prelu = nn.PReLU() if activation == "prelu" else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise_norm(self.pointwise(self.depthwise_norm(self.depthwise(x))))
        y = y + x if self.residual else y
        # not a ReLU: that would keep its output for backward, which an in-place ReLU after it overwrites
        return y.clamp(min=0) if self.prelu is None else self.prelu(y)


def _keeps_size(conv: nn.Conv2d) -> bool:
    """Return whether a convolution's output has the size of its input, whatever that is."""
    if conv.padding == "same":
        return True
    if conv.padding == "valid" or conv.stride != (1, 1):
        return conv.kernel_size == (1, 1) and conv.stride == (1, 1)
    return all(2 * int(p) == d * (k - 1) for p, d, k in zip(conv.padding, conv.dilation, conv.kernel_size, strict=True))


class WindowedPointwise(nn.Module):
    """A 1×1 convolution ``a→b`` whose outputs each see a window of the input channels (wang2017).

    Of the ``(b, a)`` weight only the ``ω`` entries of each output's window exist: ``weight`` is ``(b, ω)``, in the
    order of ``index``. To train, the zeros around them are filled in anew for each forward pass, which is several times
    faster than to gather channels; `gathered` is the form that does not multiply by zeros.

    Parameters
    ----------
    in_channels, out_channels
        ``a`` and ``b``.
    window
        Side of the window.
    bias
        Whether there is a bias.
    """

    index: Tensor

    def __init__(self, in_channels: int, out_channels: int, window: int, *, bias: bool) -> None:
        super().__init__()
        index = window_index(in_channels, out_channels, window)
        # follows from the shape: it is neither stored nor counted
        self.register_buffer("index", index, persistent=False)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(torch.zeros(index.shape))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.full_weight(), self.bias)

    def full_weight(self) -> Tensor:
        """Return the weight ``(b, a, 1, 1)`` with zeros outside the windows."""
        zeros = self.weight.new_zeros(self.out_channels, self.in_channels)
        return zeros.scatter(1, self.index, self.weight)[:, :, None, None]

    def masked(self) -> nn.Conv2d:
        """Return the same as an ordinary 1×1 convolution with zeros outside the windows."""
        conv = nn.Conv2d(self.in_channels, self.out_channels, 1, bias=self.bias is not None)
        return _with_values(conv, self.full_weight(), self.bias)

    def gathered(self) -> nn.Module:
        """Return the same over gathered channels, ``b·ω`` multiply-accumulates a position."""
        conv = nn.Conv2d(self.index.numel(), self.out_channels, 1, groups=self.out_channels, bias=self.bias is not None)
        return nn.Sequential(Gather(self.index.flatten()), _with_values(conv, self.weight[:, :, None, None], self.bias))


class Gather(nn.Module):
    """Channels of the input in the order of ``index``, some of them more than once."""

    index: Tensor

    def __init__(self, index: Tensor) -> None:
        super().__init__()
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(1, self.index)


def _with_values(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return ``conv`` with copies of ``weight`` and ``bias``, on their device and in their precision."""
    conv = conv.to(weight.device, weight.dtype)
    with torch.no_grad():
        conv.weight.copy_(weight)
        if conv.bias is not None and bias is not None:
            conv.bias.copy_(bias)
    return conv


def grid_shape(channels: int) -> tuple[int, int]:
    """Return rows and columns of the most nearly square grid of ``channels``."""
    rows = largest_divisor(channels, isqrt(channels))
    return rows, channels // rows


def window_size(channels: int, window: int | None) -> int:
    """Return the number ``ω`` of channels in a window; all of them where ``window`` is None."""
    if window is None:
        return channels
    rows, columns = grid_shape(channels)
    return min(window, rows) * min(window, columns)


def window_index(in_channels: int, out_channels: int, window: int) -> Tensor:
    """Return the input channels that each output sees.

    The grid is closed at its edges, so that every window is whole. Outputs are spread evenly over it: output ``o`` of
    ``b`` has its window around input channel ``⌊o·a/b⌋`` of ``a``.

    Returns
    -------
    Tensor ``(b, ω)``
        The channels of a window differ from each other.
    """
    rows, columns = grid_shape(in_channels)
    centres = torch.arange(out_channels) * in_channels // out_channels
    row = (centres[:, None] // columns + _offsets(window, rows)) % rows
    column = (centres[:, None] % columns + _offsets(window, columns)) % columns
    return (row[:, :, None] * columns + column[:, None, :]).flatten(1)


def _offsets(window: int, length: int) -> Tensor:
    """Return the places of a window relative to its centre, on a line of ``length``."""
    size = min(window, length)
    return torch.arange(size) - (size - 1) // 2


class SICStack(CompressedConv2d):
    """Stacked SICs in place of a convolution; stride, padding and dilation are the first's.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    channels
        Channels before, between and after the SICs.
    norm, bias, window, activation
        As for `SIC`.
    """

    linear = False

    def __init__(
        self,
        spec: ConvSpec,
        channels: Sequence[int],
        *,
        norm: Norm,
        bias: bool,
        window: int | None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__(spec)
        # all but the first keep the size; torch pads even kernels unevenly only when asked for "same"
        even = any(size % 2 == 0 for size in spec.kernel_size)
        padding = "same" if even else tuple(size // 2 for size in spec.kernel_size)
        later = replace(spec, stride=(1, 1), padding=padding, dilation=(1, 1))
        blocks = [
            SIC(
                (later if index else spec).spatial_conv(a, a, groups=a),
                b,
                norm=norm,
                bias=bias,
                window=window,
                activation=activation,
            )
            for index, (a, b) in enumerate(pairwise(channels))
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)

    def sics(self) -> list[SIC]:
        """Return the SICs in order."""
        return [block for block in self.blocks if isinstance(block, SIC)]

    def compact(self) -> nn.Module:
        return self._with_pointwise(WindowedPointwise.gathered) if self._windowed() else self

    def forms(self) -> dict[str, nn.Module]:
        if self._windowed():
            # gathering channels was 1.2 to 45 times slower wherever it was measured: not worth timing
            return {"masked": self._with_pointwise(WindowedPointwise.masked)}
        return super().forms()

    def _windowed(self) -> bool:
        return any(isinstance(sic.pointwise, WindowedPointwise) for sic in self.sics())

    def _with_pointwise(self, form: Callable[[WindowedPointwise], nn.Module]) -> nn.Module:
        """Return the stack with the 1×1 convolutions that see a window in another form."""
        blocks = copy.deepcopy(self.blocks)
        for sic in blocks:
            if isinstance(sic, SIC) and isinstance(sic.pointwise, WindowedPointwise):
                sic.add_module("pointwise", form(sic.pointwise))
        return blocks
