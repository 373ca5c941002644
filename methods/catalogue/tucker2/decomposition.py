"""The weights of a multi-group Tucker-2 decomposition: singular vectors of the unfoldings, refined by iteration."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from ...numerics.linear import leading_eigenvectors


def decompose(
    weight: Tensor, ranks: tuple[int, int], groups: tuple[int, int], sweeps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Decompose a conv weight into a core and block-diagonal coefficients with orthonormal rows and columns.

    The blocks are singular vectors of the slices of the two unfoldings (yu2021, eq. 4). A sweep of higher-order
    orthogonal iteration recomputes one side from the weight projected onto the other, in turn; the error does not grow.

    Parameters
    ----------
    weight : Tensor ``(n, c, kh, kw)``
    ranks, groups
        ``(r_in, r_out)`` and ``(N_in, N_out)``.
    sweeps
        Sweeps of orthogonal iteration.

    Returns
    -------
    first : Tensor ``(N_in, r_in/N_in, c/N_in)``
    core : Tensor ``(r_out, r_in, kh, kw)``
    last : Tensor ``(N_out, n/N_out, r_out/N_out)``
    """
    (rank_in, rank_out), (groups_in, groups_out) = ranks, groups
    swapped = weight.transpose(0, 1)
    last = _leading_blocks(weight, groups_out, rank_out)
    first = _leading_blocks(swapped, groups_in, rank_in)
    for _ in range(sweeps):
        last = _leading_blocks(_projected(swapped, first).transpose(0, 1), groups_out, rank_out)
        first = _leading_blocks(_projected(weight, last).transpose(0, 1), groups_in, rank_in)
    core = _projected(_projected(weight, last).transpose(0, 1), first).transpose(0, 1)
    return first.mT, core, last


def kept_squares(weight: Tensor, groups: tuple[int, int]) -> Tensor:
    """Return the squared norm of the core that `decompose` gives without sweeps, for all ranks at once.

    Leading singular vectors of a lower rank are those of a higher one, the last left out: so is its core.

    Parameters
    ----------
    weight : Tensor ``(n, c, kh, kw)``
    groups
        ``(N_in, N_out)``.

    Returns
    -------
    Tensor ``(n/N_out + 1, c/N_in + 1)``
        Element ``(i, j)`` is for ``r_out = i·N_out`` and ``r_in = j·N_in``; the last is the squared norm of the weight.
    """
    (n, c), (groups_in, groups_out) = weight.shape[:2], groups
    _, core, _ = decompose(weight, (c, n), groups, 0)
    squares = core.square().sum((2, 3)).reshape(groups_out, n // groups_out, groups_in, c // groups_in)
    return pad(squares.sum((0, 2)).cumsum(0).cumsum(1), (1, 0, 1, 0))


def _leading_blocks(weight: Tensor, groups: int, rank: int) -> Tensor:
    """Return, for each slice of ``weight``'s first dimension ``d``, its leading left vectors: ``(N, d/N, rank/N)``."""
    blocks = weight.reshape(groups, weight.shape[0] // groups, -1)
    return leading_eigenvectors(blocks @ blocks.mT, rank // groups)[1]


def _projected(weight: Tensor, blocks: Tensor) -> Tensor:
    """Return ``weight (d, …)`` multiplied by the transpose of a block-diagonal ``(d, r)`` matrix: ``(r, …)``."""
    slices = weight.reshape(len(blocks), blocks.shape[1], -1)
    return (blocks.mT @ slices).reshape(-1, *weight.shape[1:])
