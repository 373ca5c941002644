"""Filter group approximation (peng2018): a grouped convolution, then 1×1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import nn

from .cost import Cost, Skip
from .errors import require
from .layers import FactoredConv2d, copy_bias
from .method import Knob, Method
from .numerics import largest_divisor, truncated_svd
from .registry import register
from .select import Select
from .spec import ConvSpec
from .support import refuse_grouped, refuse_pointwise


@register("group")
@dataclass(frozen=True)
class Group(Method):
    """Filter group approximation: a grouped ``kh×kw`` conv ``c→m``, then a 1×1 conv ``m→n``.

    In closed form: the columns of the filter matrix that belong to one input group are an ``n × (c/G)·kh·kw`` block;
    each block's truncated SVD of rank ``d = m/G`` gives that group's filters. The blocks are independent, so this is
    the Frobenius optimum for the partition: the squared error is the sum of the discarded squared singular values.

    Parameters
    ----------
    group_size
        Input channels ``c/G`` in a group; a layer takes the largest divisor of its ``c`` up to this.
    degree
        Rank ``d`` of each group, at most the block's full rank; by default the group size, so that ``m = c``.
    """

    group_size: int = 4
    degree: int | None = None

    paper: ClassVar[str] = "Peng et al., Extreme Network Compression via Filter Group Approximation, ECCV 2018"
    knob: ClassVar[Knob] = Knob("group_size", 1, 4096, integer=True)
    default_select: ClassVar[Select] = Select(skip_first=1)

    def __post_init__(self) -> None:
        require(self.group_size >= 1, f"group: group_size is at least 1 channel, got {self.group_size}")
        require(self.degree is None or self.degree >= 1, f"group: degree is at least 1 or None, got {self.degree}")

    def at_full(self) -> Self | Skip:
        # ``m = c`` is less than the full rank wherever a layer has more filters than a group has channels
        full = super().at_full()
        return full if isinstance(full, Skip) else replace(full, degree=1 << 30)

    def shape(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the number of groups ``G`` and the rank ``d`` of each."""
        size = largest_divisor(spec.in_channels, self.group_size)
        degree = min(self.degree or size, spec.out_channels, size * spec.kernel_area)
        return spec.in_channels // size, degree

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec) or refuse_pointwise(spec):
            return skip
        groups, degree = self.shape(spec)
        weights = groups * degree * (spec.fan_in // groups + spec.out_channels)
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self._layer(spec) for spec in specs}

    def _layer(self, spec: ConvSpec) -> FactoredConv2d:
        groups, degree = self.shape(spec)
        return FactoredConv2d(spec, groups * degree, groups)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        groups, degree = self.shape(spec)
        blocks = conv.weight.detach().flatten(1).chunk(groups, dim=1)
        factors = [truncated_svd(block, degree) for block in blocks]
        layer.set_factors(
            torch.cat([filters for _, filters in factors]), torch.cat([mixing for mixing, _ in factors], dim=1)
        )
        copy_bias(conv, layer.second)
        return layer
