"""Spectra of matrices that are to be truncated: squared singular values, and what every rank loses of the norm."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def squared_spectra(matrices: Tensor) -> Tensor:
    """Return the squared singular values of matrices ``(..., a, b)``, largest first: ``(..., min(a, b))``, in double.

    They are the eigenvalues of the Gram matrix of the shorter side; rounding errors below zero are set to zero.
    """
    matrices = matrices.detach().double()
    rows, columns = matrices.shape[-2:]
    gram = matrices @ matrices.mT if rows <= columns else matrices.mT @ matrices
    return torch.linalg.eigvalsh(gram).flip(-1).clamp(min=0)


def discarded_squares(spectra: Tensor) -> Tensor:
    """Return the squared error of truncated SVDs at every rank (Eckart and Young, 1936).

    Parameters
    ----------
    spectra : Tensor ``(N, s)``
        Squared singular values of each of several matrices, largest first.

    Returns
    -------
    Tensor ``(s + 1,)``
        Element ``r`` is the sum over the matrices, each cut to rank ``r``: the whole norm at 0, zero at ``s``.
    """
    return pad(spectra.sum(0).flip(0).cumsum(0).flip(0), (0, 1))
