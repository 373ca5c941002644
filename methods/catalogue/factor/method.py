"""Factorised convolutions (wang2017, as benchmarked by li2019): stacked single intra-channel convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.method import Kind, Method
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped, refuse_pointwise
from ...contract.spec import ConvSpec
from .layers import Activation, Norm, SICStack, window_size

Bias = Literal["conv", "always", "never"]
Change = Literal["last", "first"]


RESIDUAL_SCALE = 0.1
"""Factor on the starting 1×1 of a SIC with a residual: it starts near the identity, or stacks of SICs blow up."""


def _later_padding_fits(spec: ConvSpec) -> bool:
    """Return whether the outputs are large enough to be padded by reflection or wrap-around for the next SIC."""
    sizes = zip(spec.kernel_size, spec.output_size, strict=False)  # no output size: never called, and not planned for
    return spec.padding_mode in ("zeros", "replicate") or all(kernel // 2 < extent for kernel, extent in sizes)


@register("factor")
@dataclass(frozen=True)
class Factor(Method):
    """Factorised convolution: ``S`` stacked depthwise + 1×1 pairs with residual and activation, trained anew.

    The convolution's weights are not used; the untouched layers of the network keep theirs. The input is added
    wherever an SIC changes neither channels nor size.

    Parameters
    ----------
    stacks
        ``S``, the number of stacked SICs.
    norm
        Where batch-norm is: nowhere, after the ``"depthwise"`` convolutions, or after ``"both"`` these and the 1×1.
    bias
        Whether the 1×1 convolutions have a bias: as the replaced ``"conv"``, ``"always"`` or ``"never"``.
    change
        Which SIC goes from ``c`` to ``n`` channels: the ``"last"`` (``S - 1`` of ``c→c`` before it), or the ``"first"``
        (``S - 1`` of ``n→n`` after it).
    window
        Topological subdivisioning (wang2017): the input channels lie on a grid that is nearly square, and an output of
        a 1×1 sees ``window × window`` of them only. None lets it see all.
    activation
        What ends each SIC: ``"relu"``, or ``"prelu"`` with a slope of its own.

    Notes
    -----
    li2019's networks: VGG-16 ``norm="both", bias="always"``; ResNet-56 ``bias="never"``; DenseNet-12-40
    ``norm="depthwise", bias="never", change="first"``; EDSR ``bias="always"``, ``stacks`` 1 to 3, and SRResNet with
    ``activation="prelu"``. A block's own batch-norm stays where it is.

    Left out is wang2017's spatial bottleneck: a depthwise convolution with a stride, the 1×1 on the smaller map, and a
    transposed convolution back to the size there was. li2019 does not have it.
    """

    stacks: int = 2
    norm: Norm = "none"
    bias: Bias = "conv"
    change: Change = "last"
    window: int | None = None
    activation: Activation = "relu"

    version: ClassVar[int] = 2
    paper: ClassVar[str] = "Wang, Liu, Foroosh, Factorized Convolutional Neural Networks, ICCV Workshops 2017"
    knob: ClassVar[Knob] = Knob.of("stacks", (1, 2, 3, 4))
    default_select: ClassVar[Select] = Select(skip_first=1)

    @property
    def kind(self) -> Kind:
        return "architectural"

    def __post_init__(self) -> None:
        require(self.stacks >= 1, f"factor: stacks is at least 1, got {self.stacks}")
        require(self.window is None or self.window >= 1, f"factor: window is at least 1 or None, got {self.window}")

    def channels(self, spec: ConvSpec) -> list[int]:
        """Return the channels before, between and after the SICs of one layer."""
        c, n = spec.in_channels, spec.out_channels
        return [c, *[c if self.change == "last" else n] * (self.stacks - 1), n]

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec) or refuse_pointwise(spec):
            return skip
        if self.stacks > 1 and not _later_padding_fits(spec):
            return Skip(f"{spec.padding_mode} padding for a kernel {spec.kernel_size} in an output {spec.output_size}")
        weights = sum(a * spec.kernel_area + window_size(a, self.window) * b for a, b in pairwise(self.channels(spec)))
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self._layer(spec) for spec in specs}

    def _layer(self, spec: ConvSpec) -> SICStack:
        bias = spec.bias if self.bias == "conv" else self.bias == "always"
        return SICStack(
            spec, self.channels(spec), norm=self.norm, bias=bias, window=self.window, activation=self.activation
        )

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        for sic in layer.sics():
            nn.init.kaiming_normal_(sic.depthwise.weight, nonlinearity="linear", generator=generator)
            nn.init.kaiming_normal_(sic.pointwise.weight, nonlinearity="relu", generator=generator)
            if sic.residual:
                with torch.no_grad():
                    sic.pointwise.weight.mul_(RESIDUAL_SCALE)
            if sic.pointwise.bias is not None:
                nn.init.zeros_(sic.pointwise.bias)
        return layer
