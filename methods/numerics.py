"""Linear algebra that several methods need, in double precision and by way of small Gram matrices."""

from __future__ import annotations

import torch
from torch import Tensor


def leading_eigenvectors(gram: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return the ``rank`` leading eigenpairs of symmetric matrices, largest first.

    Parameters
    ----------
    gram : Tensor ``(..., d, d)``
        Symmetric, positive semi-definite.
    rank
        How many pairs, at most ``d``.

    Returns
    -------
    values : Tensor ``(..., rank)``
        Eigenvalues, negative rounding errors set to zero.
    vectors : Tensor ``(..., d, rank)``
        Orthonormal columns.
    """
    values, vectors = torch.linalg.eigh(gram)
    return values[..., -rank:].flip(-1).clamp(min=0), vectors[..., -rank:].flip(-1)


def left_singular_vectors(matrix: Tensor, rank: int) -> Tensor:
    """Return the ``rank`` leading left singular vectors of ``matrix`` ``(a, b)`` as ``(a, rank)``, in double precision.

    They are the eigenvectors of the ``a × a`` Gram matrix. A Gram matrix squares the condition number, so the vectors
    of singular values below 1e-8 of the largest are arbitrary; they stay orthonormal, and at full rank the projection
    onto them is still the identity.
    """
    matrix = matrix.double()
    return leading_eigenvectors(matrix @ matrix.mT, rank)[1]


def truncated_svd(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factor ``matrix`` into two of ``rank`` columns and rows, Frobenius-optimal, with balanced factors.

    The singular values are shared evenly: gradient descent on an unbalanced pair moves one factor far more than the
    other. Only the Gram matrix of the shorter side is decomposed.

    Parameters
    ----------
    matrix : Tensor ``(a, b)``
    rank
        At most ``min(a, b)``.

    Returns
    -------
    left : Tensor ``(a, rank)``
    right : Tensor ``(rank, b)``
        ``left @ right`` is the best approximation of that rank. Both in double precision.
    """
    matrix = matrix.double()
    if matrix.shape[0] > matrix.shape[1]:
        left, right = truncated_svd(matrix.mT, rank)
        return right.mT, left.mT
    values, vectors = leading_eigenvectors(matrix @ matrix.mT, rank)
    root = values.sqrt().sqrt()
    # the square root of a singular value that is zero but for rounding must not divide
    root = torch.where(values > values[:1] * 1e-16, root, torch.ones_like(root))
    return vectors * root, (vectors.mT @ matrix) / root[:, None]


def nearest_divisor(number: int, wanted: float) -> int:
    """Return the divisor of ``number`` nearest to ``wanted``; of two equally near ones the smaller."""
    return min((abs(d - wanted), d) for d in range(1, number + 1) if number % d == 0)[1]


def largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``limit`` (and at least 1)."""
    return next(d for d in range(max(1, min(limit, number)), 0, -1) if number % d == 0)


def ratio_rank(ratio: float, full: int) -> int:
    """Return ``ratio`` of the full rank, rounded and kept within ``[1, full]``."""
    return min(full, max(1, round(ratio * full)))
