"""The factors of a CP decomposition: a start in closed form, then alternating least squares.

Factors are tuples ``(out, inp, rows, columns)`` of matrices ``(n, R)``, ``(c, R)``, ``(kh, R)`` and ``(kw, R)``; column
``r`` of the four is one component, the weight their sum:
``W[n, c, h, w] ≈ Σ_r out[n, r] · inp[c, r] · rows[h, r] · columns[w, r]``.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from ...numerics.linear import leading_eigenvectors, left_singular_vectors

Factors = tuple[Tensor, Tensor, Tensor, Tensor]

ENOUGH = 1e-14
"""Squared error, relative to the tensor's square, that float32 cannot tell from zero."""
ELEMENTS_AT_A_TIME = 1 << 25
"""Elements of a product with the whole tensor that are in memory at a time: a quarter of a GB in double precision."""


def exact_rank(shape: tuple[int, ...]) -> int:
    """Return the number of components at which `slice_svd` is exact: ``kh·kw·min(n, c)`` for ``(n, c, kh, kw)``."""
    n, c, height, width = shape
    return height * width * min(n, c)


def slice_svd(weight: Tensor, rank: int) -> Factors:
    """Return orthogonal components in closed form, the best start we know for alternating least squares.

    The two kernel modes are rotated to their singular vectors. Each of the ``kh·kw`` slices of the rotated tensor is an
    ``n × c`` matrix whose SVD is a sum of components, all orthogonal; the ``rank`` largest are kept. So the squared
    error is the sum of the discarded squared singular values, no two components cancel, and nothing is random.

    Parameters
    ----------
    weight : Tensor ``(n, c, kh, kw)``, double precision
    rank
        At most `exact_rank`.
    """
    n, c, height, width = weight.shape
    rows = left_singular_vectors(weight.permute(2, 0, 1, 3).flatten(1), height)
    columns = left_singular_vectors(weight.permute(3, 0, 1, 2).flatten(1), width)
    slices = torch.einsum("nchw,hi,wj->ijnc", weight, rows, columns).flatten(0, 1)
    if n > c:
        slices = slices.mT
    vectors = leading_eigenvectors(slices @ slices.mT, min(n, c))[1]
    others = slices.mT @ vectors  # their norms are the singular values
    sizes = others.norm(dim=1).flatten()
    chosen = sizes.sort(descending=True, stable=True).indices[:rank]
    place, which = chosen // min(n, c), chosen % min(n, c)
    short, long = vectors[place, :, which].mT, others[place, :, which].mT
    out, inp = (long, short) if n > c else (short, long)
    return out, inp, rows[:, place // width], columns[:, place % width]


def alternating_least_squares(
    weight: Tensor, factors: Factors, *, ridge: float, sweeps: int, tolerance: float
) -> Factors:
    """Lower ``‖W − Ŵ‖² + μ · Σ_r ‖component r‖²`` by solving for one factor after another.

    The ridge ``μ`` keeps components from growing without bound while they cancel each other (a tensor may have no
    best approximation of a given rank). The sum is the same function whichever factor is solved for, so it falls with
    every solve. The error ``‖W − Ŵ‖²`` alone need not: the first sweep that does not lower it is dropped and ends the
    iteration.

    Parameters
    ----------
    weight : Tensor ``(n, c, kh, kw)``, double precision
    factors
        Where to start.
    ridge
        ``μ`` in units of the start's squared error over ``‖W‖²``, positive: ``Σ_r ‖component r‖²`` then never exceeds
        its value at the start by more than ``‖W‖² / ridge``.
    sweeps
        At most so many.
    tolerance
        Stop when a sweep lowers the squared error by less than this fraction of it.
    """
    tensor = weight.permute(0, 2, 3, 1).contiguous()
    total = tensor.square().sum()
    error = squared_error(weight, factors)
    strength = float(ridge * error / total)
    for _ in range(sweeps):
        if error <= ENOUGH * total:
            break
        candidate, lower = _sweep(tensor, factors, strength)
        if not lower < error:
            break
        gained, error, factors = error - lower, lower, candidate
        if gained < tolerance * error:
            break
    return factors


def squared_error(weight: Tensor, factors: Factors) -> Tensor:
    """Return ``‖W − Ŵ‖²``."""
    out, inp, rows, columns = factors
    n, c, height, width = weight.shape
    kernels = (rows[:, None] * columns).flatten(0, 1)
    found = weight.new_zeros(len(kernels) * n, c)
    for some in torch.arange(out.shape[1], device=out.device).split(max(1, ELEMENTS_AT_A_TIME // len(found))):
        found.addmm_((kernels[:, None, some] * out[:, some]).flatten(0, 1), inp[:, some].mT)
    return (weight - found.reshape(height, width, n, c).permute(2, 3, 0, 1)).square().sum()


def balanced_chain(factors: Factors) -> list[Tensor]:
    """Return the same components as factors ``inp, rows, columns, out``, each column's norm the same in all of them.

    A spatial factor of size 1 is left out; its numbers go to ``inp``.
    """
    out, inp, rows, columns = factors
    spatial = []
    for factor in (rows, columns):
        if len(factor) == 1:
            inp = inp * factor
        else:
            spatial.append(factor)
    chain = [inp, *spatial, out]
    sizes = torch.stack([factor.norm(dim=0) for factor in chain]).prod(dim=0)
    return [_unit_columns(factor) * sizes ** (1 / len(chain)) for factor in chain]


def _sweep(tensor: Tensor, factors: Factors, ridge: float) -> tuple[Factors, Tensor]:
    """Solve for each factor once; return them and the squared error. ``tensor`` has the shape ``(n, kh, kw, c)``."""
    _, height, width, c = tensor.shape
    out, inp, rows, columns = map(_unit_columns, factors)
    kernels = (rows[:, None] * columns).flatten(0, 1)
    # the two products with the whole tensor are all the work; the spatial factors need no third
    seen = (tensor.flatten(1).mT @ out).reshape(height * width, c, -1)
    inp = _unit_columns(_solve((seen * kernels[:, None]).sum(0), (out, rows, columns), ridge))
    root = _cholesky((inp, rows, columns), ridge)
    parts, spatial = [], torch.zeros_like(kernels)
    for some in tensor.split(max(1, ELEMENTS_AT_A_TIME // kernels.numel())):
        seen = (some.reshape(-1, c) @ inp).reshape(len(some), height * width, -1)
        parts.append(torch.cholesky_solve((seen * kernels).sum(1).mT, root).mT)
        spatial += (seen * parts[-1][:, None]).sum(0)
    out = torch.cat(parts)
    norms = _norms(out)
    out, spatial = out / norms, (spatial / norms).reshape(height, width, -1)
    rows = _unit_columns(_solve((spatial * columns).sum(1), (out, inp, columns), ridge))
    product = (spatial * rows[:, None]).sum(0)
    columns = _solve(product, (out, inp, rows), ridge)
    explained = 2 * (product * columns).sum() - _gram((out, inp, rows, columns)).sum()
    error = (tensor.square().sum() - explained).clamp(min=0)
    return (out, inp, rows, columns), error


def _solve(product: Tensor, others: tuple[Tensor, Tensor, Tensor], ridge: float) -> Tensor:
    """Return the factor ``(d, R)`` that minimises the regularised error, the others having unit columns."""
    return torch.cholesky_solve(product.mT, _cholesky(others, ridge)).mT


def _cholesky(others: tuple[Tensor, Tensor, Tensor], ridge: float) -> Tensor:
    """Return the Cholesky factor ``(R, R)`` of the regularised normal equations."""
    gram = _gram(others)
    gram.diagonal().add_(ridge)
    return torch.linalg.cholesky(gram)


def _gram(factors: tuple[Tensor, ...]) -> Tensor:
    """Return the inner products ``(R, R)`` of the components made of ``factors``."""
    return reduce(torch.mul, (factor.mT @ factor for factor in factors))


def _unit_columns(factor: Tensor) -> Tensor:
    """Return the factor with columns of norm 1; a column of zeros stays one."""
    return factor / _norms(factor)


def _norms(factor: Tensor) -> Tensor:
    """Return the norms of a factor's columns, 1 for a column of zeros."""
    norms = factor.norm(dim=0)
    return torch.where(norms == 0, torch.ones_like(norms), norms)
