"""The adaptive rank penalty (yu2021, eqs. 7 and 8): pulls the unfoldings of conv weights towards low-rank subspaces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .numerics import leading_eigenvectors


class RankPenalty:
    """``λ₁/2 ‖B₁B₁ᵀF₁ − F₁‖² + λ₂/2 ‖B₂B₂ᵀF₂ − F₂‖²``, summed over layers, with strengths that follow the violation.

    ``F₁ (n × c·kh·kw)`` and ``F₂ (c × n·kh·kw)`` are the unfoldings of a conv weight along output and input channels,
    ``B`` their leading left singular vectors. The gradient is ``λ(F − BBᵀF)``. After each step
    ``λ ← min(λ + η·violation, M)``; the paper prints a maximum, but a cap is meant. Layers of one shape and rank are
    handled in one batch.

    Parameters
    ----------
    weights
        Conv weights ``(n, c, kh, kw)``, trained by the caller.
    ranks
        ``(r_in, r_out)`` of each.
    eta, max_strength
        ``η`` and ``M``.
    refresh
        Steps between two computations of ``B``.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        ranks: Sequence[tuple[int, int]],
        *,
        eta: float,
        max_strength: float,
        refresh: int,
    ) -> None:
        self.eta, self.max_strength, self.refresh = eta, max_strength, refresh
        batches: dict[tuple[torch.Size, int, int], list[Tensor]] = {}
        for weight, (rank_in, rank_out) in zip(weights, ranks, strict=True):
            batches.setdefault((weight.shape, rank_in, rank_out), []).append(weight)
        self._modes = [
            _Mode(members, mode, rank)
            for (_, rank_in, rank_out), members in batches.items()
            for mode, rank in ((0, rank_out), (1, rank_in))
        ]
        self._steps = 0

    def penalty(self) -> Tensor:
        """Return the penalty at the current weights; the subspaces are refreshed when they are due."""
        if self._steps % self.refresh == 0:
            for mode in self._modes:
                mode.refresh()
        return torch.stack([mode.penalty() for mode in self._modes]).sum()

    def after_step(self) -> None:
        """Let every strength grow by the violation seen in the last `penalty`, up to the cap."""
        if self._modes and not self._modes[0].basis.numel():
            return  # no penalty was asked for in this step: nothing has been seen
        self._steps += 1
        for mode in self._modes:
            mode.strength = (mode.strength + self.eta * mode.violation).clamp(max=self.max_strength)

    def violations(self) -> Tensor:
        """Return ``‖BBᵀF − F‖²`` of every layer and mode at the last `penalty`."""
        return torch.cat([mode.violation for mode in self._modes])

    def strengths(self) -> Tensor:
        """Return ``λ`` of every layer and mode, in the order of `violations`."""
        return torch.cat([mode.strength for mode in self._modes])


class _Mode:
    """One unfolding of several weights of one shape: ``F (layers, d, rest)`` and ``B (layers, d, rank)``."""

    def __init__(self, weights: Sequence[Tensor], mode: int, rank: int) -> None:
        self.weights, self.mode, self.rank = weights, mode, rank
        self.strength = torch.zeros(len(weights), device=weights[0].device)
        self.violation = torch.zeros_like(self.strength)
        self.basis = torch.empty(0)

    def unfold(self) -> Tensor:
        return torch.stack([weight.transpose(0, self.mode).flatten(1) for weight in self.weights])

    @torch.no_grad()
    def refresh(self) -> None:
        unfolding = self.unfold().float()
        self.basis = leading_eigenvectors(unfolding @ unfolding.mT, self.rank)[1]

    def penalty(self) -> Tensor:
        unfolding = self.unfold()
        basis = self.basis.to(unfolding.dtype)
        residual = unfolding - basis @ (basis.mT @ unfolding)
        squared = residual.square().sum((1, 2))
        self.violation = squared.detach().float()
        return (self.strength * squared).sum() / 2
