"""Tensor-train decomposition (garipov2016, oseledets2011) of the kernel, as a chain of four convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import copy_bias
from ...contract.method import Method
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped
from ...contract.spec import ConvSpec
from ...numerics.linear import balancing_root, left_singular_vectors, ratio_rank
from .chain import ChainConv2d, chain_cost, separable_links


@register("tt")
@dataclass(frozen=True)
class TT(Method):
    """Tensor-train of the modes ``(c, kh, kw, n)``: a 1×1, a ``kh×1``, a ``1×kw`` and a 1×1 conv.

    Of the tensor-trains in use this is the one whose cores are convolutions: one core a mode of the kernel as it is
    (the plain form that garipov2016 starts from), without splitting the channels into further modes, which has no
    equal chain of convolutions. The cores come from TT-SVD (oseledets2011, algorithm 1); with the singular values
    ``σ`` of the three unfoldings, the squared error is at most the sum of all ``σ²`` beyond the ranks. A mode of size 1
    has no core: for a 1×1 conv this is ``svd``.

    Parameters
    ----------
    rank
        One number for all three ranks, each clipped at its full rank ``min(c, kh·kw·n)``, ``min(c·kh, kw·n)`` or
        ``min(c·kh·kw, n)``; as a fraction of the largest of these, in (0, 1].
    """

    rank: float = 0.25

    paper: ClassVar[str] = (
        "Garipov et al., Ultimate Tensorization: Compressing Convolutional and FC Layers Alike, 2016 "
        "(the plain form, without tensorisation); Oseledets, Tensor-Train Decomposition, SISC 2011"
    )
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        require(0 < self.rank <= 1, f"tt: rank is a fraction of the largest full rank in (0, 1], got {self.rank}")

    def ranks(self, spec: ConvSpec) -> list[int]:
        """Return the ranks between the cores, from the input channels on."""
        modes = _modes(spec)
        full = [min(prod(modes[:cut]), prod(modes[cut:])) for cut in range(1, len(modes))]
        rank = ratio_rank(self.rank, max(full))
        return [min(rank, limit) for limit in full]

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        return refuse_grouped(spec) or chain_cost(spec, separable_links(spec, self.ranks(spec)))

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self._layer(spec) for spec in specs}

    def _layer(self, spec: ConvSpec) -> ChainConv2d:
        return ChainConv2d(spec, separable_links(spec, self.ranks(spec)))

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        tensor = _tensor(conv.weight.detach(), spec)
        *cores, last = tt_svd(tensor, self.ranks(spec))
        layer.set_weights(*(core.permute(2, 0, 1) for core in cores), last.squeeze(2).mT)
        copy_bias(conv, layer.last)
        return layer

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        unfoldings = []
        for spec in specs:
            modes, tensor = _modes(spec), _tensor(convs[spec.path].weight, spec)
            unfoldings += [tensor.reshape(1, prod(modes[:cut]), -1) for cut in range(1, len(modes))]
        return unfoldings

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        return [rank for spec in specs for rank in self.ranks(spec)]


def _modes(spec: ConvSpec) -> tuple[int, ...]:
    """Return the sizes of the kernel's modes, those spatial ones of size 1 left out."""
    return (spec.in_channels, *(size for size in spec.kernel_size if size > 1), spec.out_channels)


def _tensor(weight: Tensor, spec: ConvSpec) -> Tensor:
    """Return a weight ``(n, c, kh, kw)`` as the tensor of `_modes`."""
    return weight.permute(1, 2, 3, 0).reshape(_modes(spec))


def tt_svd(tensor: Tensor, ranks: Sequence[int]) -> list[Tensor]:
    """Return the cores of a tensor-train (oseledets2011, algorithm 1), in double precision.

    Parameters
    ----------
    tensor : Tensor ``(d_1, …, d_m)``
    ranks
        ``r_1, …, r_{m-1}``, none larger than ``r_{k-1}·d_k`` or than ``d_{k+1}⋯d_m``.

    Returns
    -------
    list of Tensor ``(r_{k-1}, d_k, r_k)``
        With ``r_0 = r_m = 1``. The singular values at each bond are shared evenly by the two cores that meet there:
        gradient descent on unbalanced cores moves one far more than the other.
    """
    rest, before = tensor.double(), 1
    root = torch.ones(1, dtype=rest.dtype, device=rest.device)
    cores: list[Tensor] = []
    for size, rank in zip(tensor.shape, ranks, strict=False):
        matrix = rest.reshape(before * size, -1)
        left = _left_singular_vectors(matrix, rank)
        rest = left.mT @ matrix
        core = left.reshape(before, size, rank) / root[:, None, None]
        root = balancing_root(rest.norm(dim=1))
        cores.append(core * root)
        before = rank
    return [*cores, (rest / root[:, None])[:, :, None]]


def _left_singular_vectors(matrix: Tensor, rank: int) -> Tensor:
    """Return the leading left singular vectors of a matrix that may be far taller than wide."""
    if matrix.shape[0] <= matrix.shape[1]:
        return left_singular_vectors(matrix, rank)
    orthonormal, triangular = torch.linalg.qr(matrix)
    return orthonormal @ left_singular_vectors(triangular, rank)
