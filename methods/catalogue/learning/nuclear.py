"""Nuclear-norm shrinkage: singular values are soft-thresholded while the network trains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ...numerics.unfolding import Unfolding, apply_short, short_gram, shortest, stack_weights, unstack_weights
from .regulariser import Regulariser


class NuclearShrinkage(Regulariser):
    """The proximal step of a nuclear norm: the singular values of the unfoldings shrink as the network trains.

    A proximal gradient method with step size ``t`` and penalty ``τ‖F‖_*`` takes ``t·τ`` off every singular value after
    each step, down to zero (Cai, Candès and Shen, 2010; Alvarez and Salzmann, 2017). Here ``shrink`` is that product,
    for one optimiser step; it is constant, as a session knows nothing of the learning rate. Every ``refresh`` steps
    ``refresh · shrink`` is taken off at once. The two unfoldings of a weight are shrunk one after the other.

    Parameters
    ----------
    weights
        Conv weights ``(n, c, kh, kw)``, changed in place.
    unfoldings
        The unfoldings of each; `violations` is measured against their ranks.
    shrink
        How much is taken off a singular value for each step.
    refresh
        Steps between two thresholdings.
    """

    def __init__(
        self, weights: Sequence[Tensor], unfoldings: Sequence[Sequence[Unfolding]], *, shrink: float, refresh: int
    ) -> None:
        self.weights, self.unfoldings = weights, unfoldings
        self.shrink, self.refresh = shrink, refresh
        self._steps = 0
        self._violations = torch.zeros(0)

    @torch.no_grad()
    def after_step(self) -> None:
        """Shrink the singular values in every ``refresh``-th step."""
        self._steps += 1
        if self._steps % self.refresh or not self.weights:
            return
        tails = [self._shrink(weight, wanted) for weight, wanted in zip(self.weights, self.unfoldings, strict=True)]
        self._violations = torch.cat(tails)

    def violations(self) -> Tensor:
        """Return the squared singular values beyond the rank, summed, as they were after the last thresholding."""
        return self._violations

    def monitor(self) -> list[dict[str, list[float]]]:
        """Return each weight's violations, one for each block of each unfolding, after the first thresholding."""
        left = iter(shortest(self._violations))
        blocks = [sum(unfolding.groups for unfolding in wanted) for wanted in self.unfoldings]
        return [{"violation": own} if (own := list(islice(left, count))) else {} for count in blocks]

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "violations": self._violations}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._violations = state["steps"], state["violations"]

    def _shrink(self, weight: Tensor, wanted: Sequence[Unfolding]) -> Tensor:
        stacked = stack_weights([weight])
        tails = []
        for unfolding in wanted:
            blocks = unfolding.blocks(stacked)
            # in single precision a Gram matrix loses singular values below 3e-4 of the largest: those that shrink to 0
            values, vectors = torch.linalg.eigh(short_gram(blocks.double()))
            singular = values.clamp(min=0).sqrt()
            left = (singular - self.refresh * self.shrink).clamp(min=0)
            scale = left / singular.clamp(min=torch.finfo(singular.dtype).tiny)
            shrunk = apply_short((vectors * scale[:, None] @ vectors.mT).to(blocks), blocks)
            stacked = unfolding.fold(shrunk, stacked.shape)
            tails.append(left[:, : left.shape[1] - unfolding.block_rank].square().sum(1).to(blocks))  # ascending order
        weight.copy_(unstack_weights(stacked, [weight])[0])
        return torch.cat(tails)
