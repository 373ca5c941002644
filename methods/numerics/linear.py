"""Linear algebra of several methods, mostly in double precision and on small Gram matrices."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which autocast lowers the precision of no operation on ``device``."""
    available = torch.amp.is_autocast_available(device.type)  # on other devices torch.autocast raises
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


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
    root = balancing_root(values.sqrt())
    return vectors * root, (vectors.mT @ matrix) / root[:, None]


def balancing_root(sizes: Tensor) -> Tensor:
    """Return the scales that, divided out of one factor's rows and multiplied into the other's columns, balance both.

    Parameters
    ----------
    sizes : Tensor ``(rank,)``
        Lengths of the rows, such as singular values, where the columns have length 1.

    Returns
    -------
    Tensor ``(rank,)``
        The square roots of the sizes; 1 for a size that is zero up to rounding, by which nothing may be divided.
    """
    return torch.where(sizes > sizes.max() * 1e-8, sizes.sqrt(), 1.0)


def input_blocks(weight: Tensor, groups: int) -> Tensor:
    """Return a conv weight ``(n, c, kh, kw)`` as a filter matrix for each group of input channels, in double precision.

    Shape ``(G, n, c/G·kh·kw)``: the columns of the flattened filters, cut between groups.
    """
    return torch.stack(weight.double().flatten(1).chunk(groups, dim=1))


def whitened_svd(matrix: Tensor, moment: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factor ``matrix`` ``W`` into two of ``rank`` columns and rows, with the least error of its outputs ``y = Wx``.

    The product ``Ŵ`` minimises ``E‖Wx − Ŵx‖²``. It is ``U Uᵀ W``, with ``U`` the leading left singular vectors of
    ``W C^½`` for inputs of second moment ``C``. These are the leading eigenvectors of ``W C Wᵀ = E[y yᵀ]``: only the
    outputs' moment is needed, and nothing is inverted.

    Parameters
    ----------
    matrix : Tensor ``(a, b)``
    moment : Tensor ``(a, a)``
        ``E[y yᵀ]``. With ``W Wᵀ``, that of white inputs, this is `truncated_svd`.
    rank
        At most ``min(a, b)``.

    Returns
    -------
    left : Tensor ``(a, rank)``
    right : Tensor ``(rank, b)``
        In double precision, each column of ``left`` as long as its row of ``right``.
    """
    left = leading_eigenvectors(moment.double(), rank)[1]
    right = left.mT @ matrix.double()
    root = balancing_root(right.norm(dim=1))
    return left * root, right / root[:, None]


def ridge(gram: Tensor, cross: Tensor, damping: float, free: int = 0) -> Tensor:
    """Return the ``A`` that minimises ``Σ ‖y − A x‖² + λ ‖A‖²`` from sums over the samples, in double precision.

    Parameters
    ----------
    gram : Tensor ``(b, b)``
        ``Σ x xᵀ``.
    cross : Tensor ``(a, b)``
        ``Σ y xᵀ``.
    damping
        ``λ`` relative to the mean of the damped elements of the diagonal of ``gram``; positive.
    free
        How many of the last elements of ``x``, such as a constant, are not damped.

    Returns
    -------
    Tensor ``(a, b)``
    """
    damped = torch.ones(len(gram), dtype=torch.float64, device=gram.device)
    damped[len(gram) - free :] = 0
    power = gram.diagonal().double() @ damped / damped.sum()
    # features that are zero throughout get coefficients of zero
    strength = damping * torch.where(power > 0, power, 1.0)
    return torch.linalg.solve(gram.double() + torch.diag(strength * damped), cross.double(), left=False)


def nearest_divisor(number: int, wanted: float) -> int:
    """Return the divisor of ``number`` nearest to ``wanted``; of two equally near ones the smaller."""
    return min((abs(d - wanted), d) for d in range(1, number + 1) if number % d == 0)[1]


def largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``limit`` (and at least 1)."""
    return next(d for d in range(max(1, min(limit, number)), 0, -1) if number % d == 0)


def ratio_rank(ratio: float, full: int) -> int:
    """Return ``ratio`` of the full rank, rounded and kept within ``[1, full]``."""
    return min(full, max(1, round(ratio * full)))


def refreshed_basis(gram: Tensor, basis: Tensor) -> Tensor:
    """Return ``basis`` after one step of subspace iteration: an orthonormal basis of the span of ``gram @ basis``.

    For a matrix that changes slowly from call to call, one step a call tracks its leading eigenvectors, at the cost of
    one small product and one QR.

    Parameters
    ----------
    gram : Tensor ``(..., d, d)``
        Symmetric, positive semi-definite.
    basis : Tensor ``(..., d, rank)``
        Orthonormal columns.

    Returns
    -------
    Tensor ``(..., d, rank)``
        Orthonormal columns; they hold no less of ``gram``'s trace than before.
    """
    return torch.linalg.qr(gram @ basis).Q


def pivot_columns(matrix: Tensor) -> Tensor:
    """Return, in ascending order, as many columns of ``matrix`` as it has rows, chosen to be well-conditioned.

    They are the pivots of a column-pivoted QR (Businger and Golub, 1965): each is the column that is furthest from the
    span of those before it.

    Parameters
    ----------
    matrix : Tensor ``(r, c)``
        Of full row rank, ``r <= c``.

    Returns
    -------
    Tensor ``(r,)``
        Column numbers.
    """
    residual = matrix.double().clone()
    free = torch.ones(matrix.shape[1], dtype=torch.bool, device=matrix.device)
    pivots = []
    for _ in range(matrix.shape[0]):
        lengths = residual.square().sum(0).where(free, -1.0)
        pivot = lengths.argmax()
        free[pivot] = False
        pivots.append(pivot)
        direction = residual[:, pivot] / lengths[pivot].clamp(min=1e-300).sqrt()
        residual -= torch.outer(direction, direction @ residual)
    return torch.stack(pivots).sort().values
