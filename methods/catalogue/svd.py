"""Truncated SVD of the filter matrix (zhang2016): the plainest low-rank baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..contract.cost import Cost, Knob, Skip
from ..contract.errors import require
from ..contract.layers import FactoredConv2d, copy_bias
from ..contract.registry import register
from ..contract.select import Select, refuse_grouped
from ..contract.spec import ConvSpec
from ..numerics.linear import ratio_rank, truncated_svd
from .refit import DataAware


@register("svd")
@dataclass(frozen=True)
class SVD(DataAware):
    """Truncated SVD of the ``n × c·kh·kw`` filter matrix: a ``kh×kw`` conv into ``r`` channels, then 1×1.

    The approximation of rank ``r`` is the Frobenius-optimal one (Eckart and Young, 1936), or with ``refit`` the one
    that loses least of the layer's output (Zhang et al., linear case).

    Parameters
    ----------
    rank
        ``r`` as a fraction of the full rank ``min(n, c·kh·kw)``, in (0, 1].
    refit, samples, positions, damping
        Whether and how the factors are refitted to activations: see `DataAware`.
    """

    rank: float = 0.5

    paper: ClassVar[str] = "Zhang et al., Accelerating Very Deep Convolutional Networks, TPAMI 2016"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.rank <= 1, f"svd: rank is a fraction of the full rank in (0, 1], got {self.rank}")

    def width(self, spec: ConvSpec) -> int:
        """Return the rank ``r`` of one layer."""
        return ratio_rank(self.rank, min(spec.out_channels, spec.fan_in))

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        weights = self.width(spec) * (spec.fan_in + spec.out_channels)
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: FactoredConv2d(spec, self.width(spec)) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = FactoredConv2d(spec, self.width(spec))
        mixing, filters = truncated_svd(conv.weight.detach().flatten(1), self.width(spec))
        layer.set_factors(filters, mixing)
        copy_bias(conv, layer.second)
        return layer
