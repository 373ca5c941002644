"""The regulariser, and dense layers that train under one until they are decomposed at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.layers import CompressedConv2d
from ...contract.method import Method, SessionPart
from ...contract.spec import ConvSpec


class Regulariser(ABC):
    """A pull on weights towards those that a decomposition can represent, and a measure of their distance from it."""

    def penalty(self) -> Tensor | None:
        """Return a scalar to add to the task's loss, or None."""
        return None

    @abstractmethod
    def after_step(self) -> None:
        """Do what has to be done after each step of the optimiser."""

    @abstractmethod
    def violations(self) -> Tensor:
        """Return the latest squared distances, one for each constraint; empty before the first."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return what steps have changed, apart from the weights, as `SessionPart.state_dict` does."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""


class LearnedPart(SessionPart):
    """Dense layers trained under a regulariser, decomposed when training has ended, with nothing trained afterwards.

    Works for every method whose decomposition a `Regulariser` leads to.

    Parameters
    ----------
    method
        Decomposes the layers.
    convs, groups
        The layers, which stay in the model while it trains.
    generator
        For the decomposition.
    regulariser
        Over weights that train: a frozen one comes no nearer (see `trainable_groups`).
    epsilon
        Training has converged when every violation is below this.
    """

    decomposes_at = "finish"

    def __init__(
        self,
        method: Method,
        convs: Mapping[str, nn.Conv2d],
        groups: Sequence[Sequence[ConvSpec]],
        generator: torch.Generator,
        regulariser: Regulariser,
        epsilon: float,
    ) -> None:
        super().__init__()
        self.method, self.convs, self.groups, self.generator = method, convs, groups, generator
        self.regulariser, self.epsilon = regulariser, epsilon

    def penalty(self) -> Tensor | None:
        return self.regulariser.penalty()

    def after_step(self) -> None:
        self.regulariser.after_step()

    def converged(self) -> bool:
        violations = self.regulariser.violations()
        return bool(violations.numel()) and bool((violations < self.epsilon).all())

    def state_dict(self) -> dict[str, Any]:
        return {"regulariser": self.regulariser.state_dict(), "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.regulariser.load_state_dict(state["regulariser"])
        self.generator.set_state(state["generator"].cpu())

    def finish(self) -> dict[str, nn.Module]:
        return self.method.compress_groups(self.convs, self.groups, self.generator)


def trainable_groups(convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]]) -> list[list[ConvSpec]]:
    """Return the groups without the layers whose weights are frozen."""
    left = [[spec for spec in specs if convs[spec.path].weight.requires_grad] for specs in groups]
    return [specs for specs in left if specs]


@torch.no_grad()
def nearest_weights(
    method: Method,
    convs: Mapping[str, nn.Conv2d],
    groups: Sequence[Sequence[ConvSpec]],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return, by path, the dense weight ``(n, c / groups, kh, kw)`` that each layer's decomposition stands for.

    Raises
    ------
    TypeError
        If the method is architectural: its layers have no dense weight.
    """
    weights: dict[str, Tensor] = {}
    for path, layer in method.compress_groups(convs, groups, generator).items():
        if not isinstance(layer, CompressedConv2d):
            raise TypeError(f"{type(layer).__name__} at {path} has no dense weight to learn towards")
        weights[path] = layer.dense_weight().to(convs[path].weight)
    return weights
