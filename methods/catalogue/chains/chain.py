"""Chains: convolutions one after another with nothing between them, the form of spatial SVD, CP and tensor-train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.cost import Cost
from ...contract.layers import CompressedConv2d
from ...contract.spec import ConvSpec


@dataclass(frozen=True)
class Link:
    """One convolution of a chain: its channels, and which dimensions of the replaced kernel it applies.

    A dimension that it applies has the kernel size, stride, padding and dilation of the convolution that is replaced;
    the other has those of a 1×1 convolution. Over a chain each dimension is applied once, rows not after columns.

    Attributes
    ----------
    in_channels, out_channels
        As in `torch.nn.Conv2d`.
    rows, columns
        Whether it applies the kernel's height, and its width.
    depthwise
        Whether each channel has a kernel of its own; ``in_channels`` and ``out_channels`` are then the same.
    """

    in_channels: int
    out_channels: int
    rows: bool = False
    columns: bool = False
    depthwise: bool = False

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.in_channels if self.depthwise else 1

    def kernel_size(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the kernel's height and width."""
        return self._applied(spec.kernel_size, 1)

    def _applied(self, values: tuple[int, ...], otherwise: int) -> tuple[int, int]:
        height, width = values
        return (height if self.rows else otherwise, width if self.columns else otherwise)

    def weights(self, spec: ConvSpec) -> int:
        """Return the elements of its weight."""
        height, width = self.kernel_size(spec)
        return self.out_channels * self.in_channels // self.groups * height * width

    def conv(self, spec: ConvSpec, *, bias: bool = False) -> nn.Conv2d:
        """Return the convolution, its weights arbitrary."""
        geometry: dict[str, Any] = {
            "stride": self._applied(spec.stride, 1),
            "padding": spec.padding if isinstance(spec.padding, str) else self._applied(spec.padding, 0),
            "dilation": self._applied(spec.dilation, 1),
            "padding_mode": spec.padding_mode if self.rows or self.columns else "zeros",
        }
        kernel_size = self.kernel_size(spec)
        return nn.Conv2d(self.in_channels, self.out_channels, kernel_size, groups=self.groups, bias=bias, **geometry)


def separable_links(spec: ConvSpec, ranks: Sequence[int], *, depthwise: bool = False) -> list[Link]:
    """Return the chain 1×1, ``kh×1``, ``1×kw``, 1×1; a dimension in which the kernel has size 1 gets no link.

    Such a dimension's stride and padding go to the link before: to the first where that is possible, which spares
    multiply-accumulates.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    ranks
        Channels between the links, from the input on.
    depthwise
        Whether the spatial links are depthwise.
    """
    height, width = spec.kernel_size
    links = [Link(spec.in_channels, ranks[0], rows=height == 1, columns=height == width == 1)]
    if height > 1:
        links.append(Link(ranks[0], ranks[1], rows=True, columns=width == 1, depthwise=depthwise))
    if width > 1:
        links.append(Link(ranks[-2], ranks[-1], columns=True, depthwise=depthwise))
    return [*links, Link(ranks[-1], spec.out_channels)]


def chain_cost(spec: ConvSpec, links: Sequence[Link]) -> Cost:
    """Return the cost of a chain; a link runs at the size that those before it and itself leave."""
    weights, macs = 0, 0
    positions = spec.input_positions
    for link in links:
        if link.columns:
            positions = spec.output_positions
        elif link.rows:
            positions = spec.row_positions
        weights += link.weights(spec)
        macs += link.weights(spec) * positions
    return Cost.of(weights, macs)


class ChainConv2d(CompressedConv2d):
    """Convolutions one after another, the bias in the last.

    Stride, padding and dilation of a dimension are in the link that applies it. Every padding mode separates into rows
    and columns, and a 1×1 convolution without bias commutes with it.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    links
        At least two; the first has ``c`` input channels, the last ``n`` output channels.
    """

    def __init__(self, spec: ConvSpec, links: Sequence[Link]) -> None:
        super().__init__(spec)
        *inner, last = links
        self.convs = nn.Sequential(*(link.conv(spec) for link in inner), last.conv(spec, bias=spec.bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)

    @property
    def last(self) -> nn.Conv2d:
        """The convolution that has the bias."""
        conv = self.convs[-1]
        assert isinstance(conv, nn.Conv2d)
        return conv

    def dense_weight(self) -> Tensor:
        return reduce(_merged, (conv.weight for conv in self.convs))  # pyright: ignore[reportArgumentType]

    def bias_tensor(self) -> Tensor | None:
        return self.last.bias

    def set_weights(self, *weights: Tensor) -> None:
        """Copy the weights of the convolutions in, each in any shape of its ``(n, c / groups, kh, kw)`` elements."""
        with torch.no_grad():
            for conv, weight in zip(self.convs, weights, strict=True):
                conv.weight.copy_(weight.reshape(conv.weight.shape))  # pyright: ignore


def _merged(first: Tensor, second: Tensor) -> Tensor:
    """Return the weight of two convolutions in turn, of which in each dimension one has size 1.

    Parameters
    ----------
    first : Tensor ``(r, c, kh, kw)``
    second : Tensor ``(n, r, kh', kw')``, or ``(r, 1, kh', kw')`` if it is depthwise
    """
    if second.shape[1] == 1:  # depthwise, or r = 1: the product broadcasts over c, and over n
        return first * second
    merged = torch.einsum("nrij,rckl->ncikjl", second, first)
    return merged.flatten(4, 5).flatten(2, 3)
