"""Spatial SVD (jaderberg2014, tai2016): a vertical convolution, then a horizontal one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import copy_bias
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped
from ...contract.spec import ConvSpec
from ...numerics.linear import ratio_rank, truncated_svd
from ..refit.data_aware import DataAware
from ..refit.last_link import LastLink
from .chain import ChainConv2d, Link, chain_cost


@register("spatial-svd")
@dataclass(frozen=True)
class SpatialSVD(DataAware):
    """Spatial SVD: a ``kh×1`` conv into ``r`` channels, then a ``1×kw`` conv out of them.

    The truncated SVD of the ``(n·kw) × (c·kh)`` matrix of the weight, Frobenius-optimal for this form (jaderberg2014,
    scheme 2, in the closed form of tai2016, theorem 1). Stride, padding and dilation are split between the two. For a
    kernel of width 1 the second conv is 1×1, and for a 1×1 conv this is ``svd``.

    Parameters
    ----------
    rank
        ``r`` as a fraction of the full rank ``min(n·kw, c·kh)``, in (0, 1].
    refit, samples, positions, damping
        Whether and how the factors are refitted to activations: see `DataAware`. ``"ridge"`` fits the ``1×kw`` conv to
        the patches it sees. There is no ``"whitened"``: an output is a sum over ``kw`` positions of the first conv's,
        and no closed form is known for the factors that lose least of such sums.
    """

    rank: float = 0.25
    refit: Literal["none", "ridge"] = field(default="none", kw_only=True)

    paper: ClassVar[str] = (
        "Jaderberg, Vedaldi, Zisserman, Speeding up Convolutional Neural Networks with Low Rank Expansions, BMVC 2014; "
        "Tai et al., Convolutional Neural Networks with Low-rank Regularization, ICLR 2016"
    )
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.rank <= 1, f"spatial-svd: rank is a fraction of the full rank in (0, 1], got {self.rank}")

    def width(self, spec: ConvSpec) -> int:
        """Return the rank ``r`` of one layer."""
        height, width = spec.kernel_size
        return ratio_rank(self.rank, min(spec.out_channels * width, spec.in_channels * height))

    def links(self, spec: ConvSpec) -> list[Link]:
        """Return the two convolutions; a width of 1 leaves nothing to do for the second but to mix channels."""
        rank, wide = self.width(spec), spec.kernel_size[1] > 1
        return [
            Link(spec.in_channels, rank, rows=True, columns=not wide),
            Link(rank, spec.out_channels, columns=wide),
        ]

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        return refuse_grouped(spec) or chain_cost(spec, self.links(spec))

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: ChainConv2d(spec, self.links(spec)) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = ChainConv2d(spec, self.links(spec))
        n, _, _, width = conv.weight.shape
        left, right = truncated_svd(_rows_by_columns(conv.weight.detach()), self.width(spec))
        layer.set_weights(right, left.reshape(n, width, -1).transpose(1, 2))
        copy_bias(conv, layer.last)
        return layer

    def last_link(self, layer: nn.Module) -> LastLink:
        assert isinstance(layer, ChainConv2d)
        return LastLink.of(layer.convs[:-1], layer.last)

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        return [_rows_by_columns(convs[spec.path].weight)[None] for spec in specs]

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        return [self.width(spec) for spec in specs]


def _rows_by_columns(weight: Tensor) -> Tensor:
    """Return a weight ``(n, c, kh, kw)`` as the matrix ``(n·kw, c·kh)``."""
    n, c, height, width = weight.shape
    return weight.permute(0, 3, 1, 2).reshape(n * width, c * height)
