"""Truncated SVD of the filter matrix (zhang2016): the plainest low-rank baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..contract.cost import Cost, Knob, Skip
from ..contract.errors import require
from ..contract.layers import FactoredConv2d, copy_bias, padding_pairs
from ..contract.registry import register
from ..contract.settings.select import Select, refuse_grouped
from ..contract.spec import ConvSpec
from ..numerics.linear import ratio_rank, truncated_svd
from .refit.data_aware import DataAware


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
    residual
        Add the layer's input to its output: the layer is ``W₂W₁ + I``, the sum of a matrix of rank ``r`` and the
        identity, whose factors are the truncated SVD of ``W − I``. li2019's authors have it in the compressed
        transitions of DenseNet. Layers that no weight makes the identity (other channels, a stride, a size that
        changes) are left alone, and there is no ``refit``.
    refit, samples, positions, damping
        Whether and how the factors are refitted to activations: see `DataAware`.
    """

    rank: float = 0.5
    residual: bool = False

    paper: ClassVar[str] = "Zhang et al., Accelerating Very Deep Convolutional Networks, TPAMI 2016"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.rank <= 1, f"svd: rank is a fraction of the full rank in (0, 1], got {self.rank}")
        require(
            not self.residual or self.refit == "none",
            f"svd: factors beside a residual are not refitted to activations: refit is 'none', got {self.refit!r}",
        )

    def width(self, spec: ConvSpec) -> int:
        """Return the rank ``r`` of one layer."""
        return ratio_rank(self.rank, min(spec.out_channels, spec.fan_in))

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        if self.residual and identity_tap(spec) is None:
            return Skip("no weight of its shape gives its input back: a residual has nothing to stand for")
        weights = self.width(spec) * (spec.fan_in + spec.out_channels)
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self._layer(spec) for spec in specs}

    def _layer(self, spec: ConvSpec) -> FactoredConv2d:
        return (ResidualFactoredConv2d if self.residual else FactoredConv2d)(spec, self.width(spec))

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        mixing, filters = truncated_svd(self._matrix(conv, spec), self.width(spec))
        layer.set_factors(filters, mixing)
        copy_bias(conv, layer.second)
        return layer

    def _matrix(self, conv: nn.Conv2d, spec: ConvSpec) -> Tensor:
        """Return the matrix that is truncated, ``(n, c·kh·kw)``: the filters, less the identity beside a residual."""
        weight = conv.weight.detach()
        return (weight - identity_weight(spec).to(weight) if self.residual else weight).flatten(1)

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        return [self._matrix(convs[spec.path], spec)[None] for spec in specs]

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        return [self.width(spec) for spec in specs]


class ResidualFactoredConv2d(FactoredConv2d):
    """A `FactoredConv2d` whose input is added to its output: equal to a convolution with ``W₂W₁ + I``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x

    def dense_weight(self) -> Tensor:
        low_rank = super().dense_weight()
        return low_rank + identity_weight(self.spec).to(low_rank)


def identity_tap(spec: ConvSpec) -> tuple[int, ...] | None:
    """Return the place in a kernel whose weight meets the input at the output's own position; None if there is none.

    There is one where the convolution keeps channels and size.
    """
    if spec.in_channels != spec.out_channels or spec.groups != 1 or any(step != 1 for step in spec.stride):
        return None
    taps = []
    for (before, after), size, dilation in zip(padding_pairs(spec), spec.kernel_size, spec.dilation, strict=True):
        tap, between = divmod(before, dilation)
        if before + after != dilation * (size - 1) or between:
            return None
        taps.append(tap)
    return tuple(taps)


def identity_weight(spec: ConvSpec) -> Tensor:
    """Return the weight ``(c, c, kh, kw)`` with which a convolution gives its input back."""
    tap = identity_tap(spec)
    assert tap is not None, "layer_cost refuses a residual around such a layer"
    weight = torch.zeros(spec.out_channels, spec.in_channels, *spec.kernel_size)
    weight[(slice(None), slice(None), *tap)] = torch.eye(spec.in_channels)
    return weight
