"""1×1 convolutions that are computed as matrix products, and a linear layer as one of them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract.layers import CompressedConv2d, VirtualWeightConv2d

MOST_GROUPS = 32
"""Most groups for which one product a group is taken: more were not measured."""


class PointwiseConv2d(nn.Conv2d):
    """A 1×1 convolution that is computed as a product over the channels, one for each group.

    Tokens are maps of one position, on which torch's own convolution takes about twice as long (see
    ``docs/benchmarks.md``). Moving the channels to the end copies nothing.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> PointwiseConv2d:
        """Return the same convolution with the very parameters of ``conv``."""
        channels: Any = (conv.in_channels, conv.out_channels, 1)
        new = cls(*channels, groups=conv.groups, bias=conv.bias is not None, device="meta")
        new.weight, new.bias = conv.weight, conv.bias
        return new.train(conv.training)

    def forward(self, input: Tensor) -> Tensor:
        x, matrix = input.movedim(1, -1), self.weight.flatten(1)
        if self.groups == 1:
            return F.linear(x, matrix, self.bias).movedim(-1, 1)
        rows = self.out_channels // self.groups
        # narrowed, since torch.fx cannot count what chunk returns
        matrices = [matrix.narrow(0, group * rows, rows) for group in range(self.groups)]
        blocks = zip(channel_groups(x, self), matrices, strict=True)
        y = torch.cat([F.linear(*block) for block in blocks], dim=-1)
        return (y if self.bias is None else y + self.bias).movedim(-1, 1)


def channel_groups(x: Tensor, conv: Any) -> list[Tensor]:
    """Return the groups of channels, in the last dimension, that a convolution sees apart."""
    width = conv.in_channels // conv.groups
    return [x.narrow(-1, group * width, width) for group in range(conv.groups)]


def as_convolution(linear: nn.Linear) -> PointwiseConv2d:
    """Return a linear layer as a convolution whose weight ``(n, c, 1, 1)`` lies in the memory of the layer's."""
    bias = linear.bias is not None
    conv = PointwiseConv2d(linear.in_features, linear.out_features, 1, bias=bias, device="meta")
    weight = linear.weight
    conv.weight = nn.Parameter(weight.detach()[:, :, None, None], requires_grad=weight.requires_grad)
    conv.bias = linear.bias
    return conv.train(linear.training)


def is_pointwise(module: nn.Module) -> bool:
    """Return whether a module is a plain 1×1 convolution that is worth computing as products."""
    return (
        isinstance(module, nn.Conv2d)
        and type(module) in (nn.Conv2d, PointwiseConv2d)
        and (module.kernel_size, module.stride, module.padding) == ((1, 1), (1, 1), (0, 0))
        and module.groups <= MOST_GROUPS
    )


def with_products(layer: nn.Module) -> nn.Module:
    """Let every 1×1 convolution inside ``layer`` be computed as products; its parameters stay the same."""
    for name, child in layer.named_children():
        if is_pointwise(child):
            assert isinstance(child, nn.Conv2d)
            setattr(layer, name, PointwiseConv2d.like(child))
        else:
            with_products(child)
    return layer


def computes_weight(layer: CompressedConv2d) -> bool:
    """Return whether a layer is the convolution with the dense weight that it computes in each forward pass."""
    return isinstance(layer, VirtualWeightConv2d) and type(layer).forward is VirtualWeightConv2d.forward
