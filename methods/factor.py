"""Factorised convolutions (wang2017, as benchmarked by li2019): stacked single intra-channel convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from .cost import Cost, Skip
from .errors import require
from .layers import CompressedConv2d
from .method import Kind, Knob, Method
from .registry import register
from .select import Select
from .spec import ConvSpec
from .support import refuse_grouped, refuse_pointwise


class SIC(nn.Module):
    """Single intra-channel convolution: depthwise, then 1×1, plus the input where shapes allow, then ReLU.

    Parameters
    ----------
    depthwise
        Convolution of ``a`` channels in ``a`` groups.
    out_channels
        Channels ``b`` after the 1×1.
    bias
        Whether the 1×1 has a bias.
    """

    def __init__(self, depthwise: nn.Conv2d, out_channels: int, *, bias: bool) -> None:
        super().__init__()
        # decided here, not from the shapes in forward, which a symbolic trace could not follow
        self.residual = depthwise.in_channels == out_channels and _keeps_size(depthwise)
        self.depthwise = depthwise
        self.pointwise = nn.Conv2d(depthwise.out_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        # not a ReLU: that would keep its output for backward, which an in-place ReLU after it overwrites
        return (y + x if self.residual else y).clamp(min=0)


def _keeps_size(conv: nn.Conv2d) -> bool:
    """Return whether a convolution's output has the size of its input, whatever that is."""
    if conv.padding == "same":
        return True
    if conv.padding == "valid" or conv.stride != (1, 1):
        return conv.kernel_size == (1, 1) and conv.stride == (1, 1)
    return all(2 * int(p) == d * (k - 1) for p, d, k in zip(conv.padding, conv.dilation, conv.kernel_size, strict=True))


class SICStack(CompressedConv2d):
    """``S`` stacked SICs: ``S - 1`` of ``c→c``, the last ``c→n``; stride, padding and dilation are the first's."""

    linear = False

    def __init__(self, spec: ConvSpec, stacks: int) -> None:
        super().__init__(spec)
        c, n = spec.in_channels, spec.out_channels
        # all but the first keep the size; torch pads even kernels unevenly only when asked for "same"
        even = any(size % 2 == 0 for size in spec.kernel_size)
        padding = "same" if even else tuple(size // 2 for size in spec.kernel_size)
        later = replace(spec, stride=(1, 1), padding=padding, dilation=(1, 1))
        blocks = [
            SIC(
                (later if index else spec).spatial_conv(c, c, groups=c), n if index == stacks - 1 else c, bias=spec.bias
            )
            for index in range(stacks)
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


def _later_padding_fits(spec: ConvSpec) -> bool:
    """Return whether the outputs are large enough to be padded by reflection or wrap-around for the next SIC."""
    sizes = zip(spec.kernel_size, spec.output_size, strict=False)  # no output size: never called, and not planned for
    return spec.padding_mode in ("zeros", "replicate") or all(kernel // 2 < extent for kernel, extent in sizes)


@register("factor")
@dataclass(frozen=True)
class Factor(Method):
    """Factorised convolution: ``S`` stacked depthwise + 1×1 pairs with residual and ReLU, trained anew.

    Nothing is taken from the convolution's weights; the untouched layers of the network keep theirs.

    Parameters
    ----------
    stacks
        ``S``, the number of stacked SICs.
    """

    stacks: int = 2

    paper: ClassVar[str] = "Wang, Liu, Foroosh, Factorized Convolutional Neural Networks, ICCV Workshops 2017"
    knob: ClassVar[Knob] = Knob.of("stacks", (1, 2, 3, 4))
    default_select: ClassVar[Select] = Select(skip_first=1)

    @property
    def kind(self) -> Kind:
        return "architectural"

    def __post_init__(self) -> None:
        require(self.stacks >= 1, f"factor: stacks is at least 1, got {self.stacks}")

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec) or refuse_pointwise(spec):
            return skip
        if self.stacks > 1 and not _later_padding_fits(spec):
            return Skip(f"{spec.padding_mode} padding for a kernel {spec.kernel_size} in an output {spec.output_size}")
        c, n, k2 = spec.in_channels, spec.out_channels, spec.kernel_area
        weights = (self.stacks - 1) * (c * k2 + c * c) + c * k2 + c * n
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: SICStack(spec, self.stacks) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = SICStack(spec, self.stacks)
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                gain = "relu" if module.groups == 1 else "linear"
                nn.init.kaiming_normal_(module.weight, nonlinearity=gain, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return layer
