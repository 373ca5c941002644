"""CP, the canonical polyadic decomposition (lebedev2015): two 1×1 convolutions with two depthwise ones between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import copy_bias
from ...contract.method import Method
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped
from ...contract.spec import ConvSpec
from ...numerics.linear import ratio_rank
from .canonical import alternating_least_squares, balanced_chain, exact_rank, slice_svd
from .chain import ChainConv2d, Link, chain_cost, separable_links


@register("cp")
@dataclass(frozen=True)
class CP(Method):
    """CP: a 1×1 conv ``c→R``, a depthwise ``kh×1``, a depthwise ``1×kw``, and a 1×1 conv ``R→n``.

    The weight as a sum of ``R`` products of four vectors (lebedev2015, eq. 4), by alternating least squares in double
    precision. The start is in closed form and nothing is random. A small ridge keeps components from growing while they
    cancel each other, which made the original hard to fine-tune. A mode of size 1 has no conv: for a 1×1 conv this is
    ``svd``.

    No algorithm is known to find the best approximation of a given rank, so the error may grow a little where the rank
    does; it is never above that of the start, which falls with the rank and is zero at ``rank=1``.

    Parameters
    ----------
    rank
        ``R`` as a fraction of ``kh·kw·min(n, c)``, in (0, 1].
    sweeps
        Most sweeps of alternating least squares; 0 takes the start as it is. They are all the time this takes: a
        sweep over a 512→512 3×3 layer at the default rank is about a second on one core.
    ridge
        What the components' squared norms cost beside the squared error, in units of the start's relative squared
        error. Their sum stays below ``(1 + 1/ridge)`` times the weight's.
    tolerance
        Sweeps end when one lowers the squared error by less than this fraction of it.
    """

    rank: float = 0.25
    sweeps: int = 50
    ridge: float = 1e-2
    tolerance: float = 1e-3

    paper: ClassVar[str] = (
        "Lebedev et al., Speeding-up Convolutional Neural Networks Using Fine-tuned CP-Decomposition, ICLR 2015"
    )
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        require(0 < self.rank <= 1, f"cp: rank is a fraction of kh·kw·min(n, c) in (0, 1], got {self.rank}")
        require(self.sweeps >= 0, f"cp: sweeps is not negative, got {self.sweeps}")
        require(self.ridge > 0, f"cp: ridge is positive, got {self.ridge}")
        require(self.tolerance >= 0, f"cp: tolerance is not negative, got {self.tolerance}")

    def width(self, spec: ConvSpec) -> int:
        """Return the number of components ``R`` of one layer."""
        return ratio_rank(self.rank, exact_rank((spec.out_channels, spec.in_channels, *spec.kernel_size)))

    def links(self, spec: ConvSpec) -> list[Link]:
        """Return the convolutions, up to four."""
        spatial = sum(size > 1 for size in spec.kernel_size)
        return separable_links(spec, [self.width(spec)] * (spatial + 1), depthwise=True)

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        return refuse_grouped(spec) or chain_cost(spec, self.links(spec))

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: ChainConv2d(spec, self.links(spec)) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = ChainConv2d(spec, self.links(spec))
        weight = conv.weight.detach().double()
        factors = slice_svd(weight, self.width(spec))
        if spec.kernel_area > 1:  # of a matrix, the start is the best approximation already
            factors = alternating_least_squares(
                weight, factors, ridge=self.ridge, sweeps=self.sweeps, tolerance=self.tolerance
            )
        *inner, out = balanced_chain(factors)
        layer.set_weights(*(factor.mT for factor in inner), out)
        copy_bias(conv, layer.last)
        return layer
