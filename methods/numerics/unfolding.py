"""The unfoldings of conv weights into matrices, for several weights of one shape at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .linear import leading_eigenvectors


@dataclass(frozen=True)
class Unfolding:
    """One of the two unfoldings of a conv weight ``(n, c, kh, kw)``, cut into blocks, and the rank it is to have.

    Attributes
    ----------
    mode
        0 for output channels, whose blocks are ``(n / N, c·kh·kw)``; 1 for input channels, ``(n·kh·kw, c / N)``.
    rank
        Of all blocks together, a multiple of ``groups``.
    groups
        Blocks ``N``.
    """

    mode: int
    rank: int
    groups: int = 1

    @property
    def block_rank(self) -> int:
        """Rank of one block."""
        return self.rank // self.groups

    def blocks(self, stacked: Tensor) -> Tensor:
        """Return the blocks of `stack_weights`' tensor as ``(layers · N, rows, columns)``."""
        layers, n, area, c = stacked.shape
        if self.mode == 0:
            return stacked.reshape(layers * self.groups, n // self.groups, area * c)
        columns = stacked.reshape(layers, n * area, self.groups, c // self.groups)
        return columns.transpose(1, 2).flatten(0, 1)

    def fold(self, blocks: Tensor, shape: torch.Size) -> Tensor:
        """Undo `blocks`: return the tensor of that ``shape``."""
        layers, n, area, c = shape
        if self.mode == 0:
            return blocks.reshape(shape)
        columns = blocks.reshape(layers, self.groups, n * area, c // self.groups)
        return columns.transpose(1, 2).reshape(shape)


@dataclass(frozen=True)
class Spectrum:
    """The singular values of one unfolding of one layer's weight.

    Attributes
    ----------
    layer
        Module path.
    unfolding
        ``"out"`` along the output channels, ``"in"`` along the input channels.
    rank
        The rank it is to have, all its blocks together; None where training chooses it.
    values
        Those of all its blocks, largest first, in single precision.
    """

    layer: str
    unfolding: str
    rank: int | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, layer: str, weight: Tensor, unfolding: Unfolding, *, chosen: bool = True) -> Spectrum:
        """Return the spectrum of a weight ``(n, c, kh, kw)``; ``chosen`` is whether the unfolding's rank counts."""
        values = spectra(weight, unfolding).sqrt().flatten().sort(descending=True).values.float()
        side = "in" if unfolding.mode else "out"
        return cls(layer, side, unfolding.rank if chosen else None, tuple(shortest(values)))


def shortest(values: Tensor) -> list[float]:
    """Return numbers in single precision as the shortest decimals that give them back."""
    return [float(f"{value:.9g}") for value in values.float().flatten().tolist()]


def stack_weights(weights: Sequence[Tensor]) -> Tensor:
    """Return weights ``(n, c, kh, kw)`` of one shape as ``(layers, n, kh·kw, c)``, half precision as single.

    With the channels last, both unfoldings are views of the result, and the result is a view of a lone weight in that
    memory format.
    """
    flat = [weight.permute(0, 2, 3, 1).flatten(1, 2) for weight in weights]
    stacked = torch.stack(flat) if len(flat) > 1 else flat[0][None]
    return stacked if stacked.dtype in (torch.float32, torch.float64) else stacked.float()


def unstack_weights(stacked: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the slices of a tensor like `stack_weights`' in the shape and dtype of ``weights``."""
    return [
        part.unflatten(1, weight.shape[2:]).permute(0, 3, 1, 2).to(weight.dtype)
        for part, weight in zip(stacked, weights, strict=True)
    ]


def short_gram(blocks: Tensor) -> Tensor:
    """Return the Gram matrices of the shorter side of ``(batch, rows, columns)``: ``(batch, d, d)``."""
    rows, columns = blocks.shape[-2:]
    return blocks @ blocks.mT if rows <= columns else blocks.mT @ blocks


def apply_short(matrix: Tensor, blocks: Tensor) -> Tensor:
    """Multiply ``(batch, rows, columns)`` by symmetric ``(batch, d, d)`` matrices on its shorter side."""
    rows, columns = blocks.shape[-2:]
    return matrix @ blocks if rows <= columns else blocks @ matrix


def spectra(weight: Tensor, unfolding: Unfolding) -> Tensor:
    """Return the squared singular values of each block of a weight's unfolding, largest first, in double precision."""
    gram = short_gram(unfolding.blocks(stack_weights([weight.detach().double()])))
    return leading_eigenvectors(gram, gram.shape[-1])[0]
