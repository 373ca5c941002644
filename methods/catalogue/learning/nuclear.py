"""The adaptive rank penalty's rivals: soft-thresholded singular values, and learning-compression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...numerics.unfolding import Unfolding, apply_short, short_gram, stack_weights, unstack_weights
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
        The unfoldings of each; their ranks are what `violations` measures against.
    shrink
        What is taken off a singular value for each step.
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
        """Shrink the singular values, when it is time."""
        self._steps += 1
        if self._steps % self.refresh or not self.weights:
            return
        tails = [self._shrink(weight, wanted) for weight, wanted in zip(self.weights, self.unfoldings, strict=True)]
        self._violations = torch.cat(tails)

    def violations(self) -> Tensor:
        """Return the squared singular values beyond the rank, summed, as they were after the last thresholding."""
        return self._violations

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


class LearningCompression(Regulariser):
    """``μ/2 ‖W − Δ(Θ)‖²``, summed over layers: a quadratic penalty on the distance to the decomposition of the weights.

    Every ``every`` steps the weights are decomposed anew and ``μ`` grows by a factor, whatever the violation is: the
    learning-compression algorithm (Idelbayev and Carreira-Perpiñán, CVPR 2020) with a quadratic penalty, its L step
    that many steps of the caller's optimiser. It works for every method with a dense weight.

    Parameters
    ----------
    weights
        Conv weights, trained by the caller.
    project
        Returns ``Δ(Θ)``, the weights that the decomposition of the current ones stands for, in the same order.
    strength, growth, max_strength
        ``μ`` of the first ``every`` steps, its factor after each further ``every``, and its cap.
    every
        Steps between two decompositions.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        project: Callable[[], list[Tensor]],
        *,
        strength: float,
        growth: float,
        max_strength: float,
        every: int,
    ) -> None:
        self.weights, self.project, self.every = weights, project, every
        self.strength, self.growth, self.max_strength = strength, growth, max_strength
        self._targets: list[Tensor] = []
        self._violations = torch.zeros(0)
        self._steps = 0

    def penalty(self) -> Tensor | None:
        """Return the penalty at the current weights, None without any."""
        if not self.weights:
            return None
        if not self._targets:
            self._targets = self.project()
        pairs = zip(self.weights, self._targets, strict=True)
        distances = torch.stack([(weight - target).float().square().sum() for weight, target in pairs])
        self._violations = distances.detach()
        return self.strength / 2 * distances.sum()

    def after_step(self) -> None:
        """Let the strength grow and the weights be decomposed anew, when it is time."""
        self._steps += 1
        if self._steps % self.every == 0:
            self._targets = []
            self.strength = min(self.strength * self.growth, self.max_strength)

    def violations(self) -> Tensor:
        """Return ``‖W − Δ(Θ)‖²`` of every layer at the last `penalty`."""
        return self._violations

    def state_dict(self) -> dict[str, Any]:
        changed = {"strength": self.strength, "targets": self._targets}
        return {"steps": self._steps, "violations": self._violations, **changed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._violations = state["steps"], state["violations"]
        self.strength = state["strength"]
        self._targets = [target.to(weight) for target, weight in zip(state["targets"], self.weights, strict=False)]
