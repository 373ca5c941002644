"""Ranks from a spectrum: by the energy they keep, or by empirical variational Bayes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TAU_OF_SQUARE = 2.5129
"""``τ`` of a square matrix: the zero of ``log(z + 1)/z − 1/2`` (Nakajima et al. 2013, eq. 29)."""


def energy_rank(spectra: Tensor, fraction: float) -> int:
    """Return the smallest rank at which several matrices together keep ``fraction`` of their squared norm.

    Parameters
    ----------
    spectra : Tensor ``(N, s)``
        Squared singular values of each matrix, largest first.
    fraction
        In (0, 1].

    Returns
    -------
    int
        Rank of each of the ``N`` matrices, at least 1.
    """
    kept = spectra.double().sum(0).cumsum(0)
    return min(len(kept), 1 + int((kept < fraction * kept[-1]).sum()))


def evbmf_rank(spectrum: Tensor, rows: int, columns: int) -> int:
    """Return the rank that empirical variational Bayesian matrix factorisation finds, its noise estimated.

    The analytic global solution: a component is kept if its singular value is above ``σ·sqrt(M(1 + τ)(1 + α/τ))``,
    with ``L ≤ M`` the sides and ``α = L/M``; ``σ²`` minimises the free energy, a function of one variable.
    Nakajima, Sugiyama, Babacan and Tomioka, "Global analytic solution of fully-observed variational Bayesian matrix
    factorization", JMLR 14, 2013, theorems 2 and 3.

    Parameters
    ----------
    spectrum : Tensor ``(min(rows, columns),)``
        All squared singular values, largest first.
    rows, columns
        The matrix's sides.

    Returns
    -------
    int
        0 if there is nothing but noise.
    """
    squares = spectrum.detach().double().cpu().clamp(min=0)
    short, long = sorted((rows, columns))
    alpha = short / long
    tau = _smallest_tau(alpha)
    edge = (1 + tau) * (1 + alpha / tau)
    if squares[0] == 0:
        return 0
    beyond = math.ceil(short / (1 + alpha)) - 1  # no more components than this can be told from noise
    high = float(squares.sum()) / (short * long)
    low = max(float(squares[beyond]) / (long * edge), float(squares[beyond:].mean()) / long, 1e-14 * high)
    points = 1001  # the free energy may have several minima: the first round has to find the lowest
    for _ in range(2):
        variances = torch.logspace(math.log10(low), math.log10(high), points, dtype=torch.double)
        best = int(_free_energy(squares, variances, short, long, edge).argmin())
        low, high = float(variances[max(0, best - 1)]), float(variances[min(points - 1, best + 1)])
    return int((squares > long * edge * math.sqrt(low * high)).sum())


def _free_energy(squares: Tensor, variances: Tensor, short: int, long: int, edge: float) -> Tensor:
    """Return, up to a constant, the free energy at each noise variance (eq. 32)."""
    alpha = short / long
    x = squares / (long * variances[:, None])
    shifted = (x - 1 - alpha).clamp(min=2 * math.sqrt(alpha))
    tau = (shifted + (shifted.square() - 4 * alpha).clamp(min=0).sqrt()) / 2
    gain = (tau + 1).log() + alpha * (tau / alpha + 1).log() - tau
    # the logarithms of the squares are the same at every variance and left out: those of zeros are infinite
    return (x + gain.where(x > edge, 0.0)).sum(1) + short * variances.log()


def _smallest_tau(alpha: float) -> float:
    """Return the zero of ``Φ(τ) + Φ(τ/α)`` with ``Φ(z) = log(z + 1)/z − 1/2`` (theorem 2)."""

    def phi(z: float) -> float:
        return math.log1p(z) / z - 0.5

    low, high = _TAU_OF_SQUARE * math.sqrt(alpha) / 2, 2 * _TAU_OF_SQUARE
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if phi(middle) + phi(middle / alpha) > 0 else (low, middle)
    return low
