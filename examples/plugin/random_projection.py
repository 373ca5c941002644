"""A compression method as a third party would ship it: filters projected onto random directions.

It is what SVD would be without looking at the data: a lower bound that any learnt basis should beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from decompbench.methods.authoring import (
    ConvSpec,
    Cost,
    FactoredConv2d,
    Knob,
    Method,
    Select,
    SettingError,
    Skip,
    copy_bias,
    register,
)


@register("random-projection")
@dataclass(frozen=True)
class RandomProjection(Method):
    """Filters are least-squares combinations of ``r`` random filters.

    Parameters
    ----------
    rank
        ``r`` as a fraction of the full rank ``min(n, c·kh·kw)``, in (0, 1].
    """

    rank: float = 0.5

    paper: ClassVar[str] = "Johnson and Lindenstrauss, 1984"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)

    def __post_init__(self) -> None:
        if not 0 < self.rank <= 1:
            raise SettingError(f"random-projection: rank is a fraction in (0, 1], got {self.rank}")

    def width(self, spec: ConvSpec) -> int:
        """Return ``r`` for one layer."""
        return max(1, round(self.rank * min(spec.out_channels, spec.fan_in)))

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if spec.groups > 1:
            return Skip(f"grouped convolution ({spec.groups} groups)")
        weights = self.width(spec) * (spec.fan_in + spec.out_channels)
        return Cost.of(weights, macs=weights * spec.output_positions)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = FactoredConv2d(spec, self.width(spec))
        # as many directions as there can be, then the first r: a larger r keeps those of a smaller one
        directions = torch.randn(min(spec.out_channels, spec.fan_in), spec.fan_in, generator=generator)
        filters = torch.linalg.qr(directions.mT).Q.mT[: self.width(spec)].to(conv.weight)  # orthonormal rows
        layer.set_factors(filters, mixing=conv.weight.detach().flatten(1) @ filters.mT)
        copy_bias(conv, layer.second)
        return layer
