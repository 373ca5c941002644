"""Learning-compression: a quadratic penalty on the distance of the weights to their own decomposition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...numerics.unfolding import shortest
from .regulariser import Regulariser


class LearningCompression(Regulariser):
    """``μ/2 ‖W − Δ(Θ)‖²``, summed over layers: a quadratic penalty on the distance to the decomposition of the weights.

    Every ``every`` steps the weights are decomposed anew and ``μ`` grows by a factor, whatever the violation. This is
    the learning-compression algorithm (Idelbayev and Carreira-Perpiñán, CVPR 2020) with a quadratic penalty; its L step
    is ``every`` steps of the caller's optimiser. It works for every method with a dense weight.

    Parameters
    ----------
    weights
        Conv weights, trained by the caller.
    project
        Returns ``Δ(Θ)`` in the same order: the dense weights that the decomposition of the current ones equals.
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
        """Raise the strength and have the weights decomposed anew in every ``every``-th step."""
        self._steps += 1
        if self._steps % self.every == 0:
            self._targets = []
            self.strength = min(self.strength * self.growth, self.max_strength)

    def violations(self) -> Tensor:
        """Return ``‖W − Δ(Θ)‖²`` of every layer at the last `penalty`."""
        return self._violations

    def monitor(self) -> list[dict[str, list[float]]]:
        """Return each weight's strength and, after the first `penalty`, violation."""
        seen = [{"violation": [value]} for value in shortest(self._violations)] or [{} for _ in self.weights]
        return [{"strength": [self.strength]} | own for own in seen]

    def state_dict(self) -> dict[str, Any]:
        changed = {"strength": self.strength, "targets": self._targets}
        return {"steps": self._steps, "violations": self._violations, **changed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._violations = state["steps"], state["violations"]
        self.strength = state["strength"]
        self._targets = [target.to(weight) for target, weight in zip(state["targets"], self.weights, strict=False)]
