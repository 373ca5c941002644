"""The regulariser, and dense layers that train under one until they are decomposed at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.layers import CompressedConv2d
from ...contract.method import Method, SessionPart
from ...contract.spec import ConvSpec
from ...numerics.unfolding import Spectrum, Unfolding


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
    def monitor(self) -> list[dict[str, list[float]]]:
        """Return, for each weight, its latest violations and what else tells how training goes, as named numbers."""

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
        Training has converged when every violation is below this; 0 never.
    unfoldings
        What is lowered in rank in a layer, whose singular values `spectra` returns; None for nothing.
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
        unfoldings: Callable[[ConvSpec], Sequence[Unfolding]] | None = None,
    ) -> None:
        super().__init__()
        self.method, self.convs, self.groups, self.generator = method, convs, groups, generator
        self.regulariser, self.epsilon, self.unfoldings = regulariser, epsilon, unfoldings

    def penalty(self) -> Tensor | None:
        return self.regulariser.penalty()

    def after_step(self) -> None:
        self.regulariser.after_step()

    def converged(self) -> bool:
        violations = self.regulariser.violations()
        return bool(violations.numel()) and bool((violations < self.epsilon).all())

    def monitor(self) -> dict[str, dict[str, list[float]]]:
        trained = [spec.path for specs in trainable_groups(self.convs, self.groups) for spec in specs]
        return dict(zip(trained, self.regulariser.monitor(), strict=True))

    def spectra(self) -> list[Spectrum]:
        chosen = not self.method.sizes_from_training
        return [
            Spectrum.of(spec.path, self.convs[spec.path].weight, unfolding, chosen=chosen)
            for specs in self.groups
            for spec in specs
            for unfolding in (self.unfoldings(spec) if self.unfoldings else ())
        ]

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
