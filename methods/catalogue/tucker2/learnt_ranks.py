"""Layers trained towards ranks that training itself chooses: by what they cost, or by the singular values left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.cost import Skip
from ...contract.spec import ConvSpec
from ...numerics.unfolding import shortest
from ..learning.lc import LearningCompression
from ..learning.regulariser import LearnedPart, nearest_weights, trainable_groups
from .rank_choice import STAYS_DENSE, Chosen, RankChoice
from .ranked import RankedMethod


class LearntRanksPart(LearnedPart):
    """Dense layers trained without planned ranks, which are chosen as training goes on, and for good when it has ended.

    Under a budget the ranks are those that lose least of the weights within it: for ``"lc"`` of the summed
    ``‖W − Ŵ‖²``, which is what it penalises; for ``"nuclear"`` of that divided by each layer's ``‖W‖²``. Without a
    budget ``"lc"`` takes those of least ``α·weights + μ/2 ‖W − Ŵ‖²`` (Idelbayev and Carreira-Perpiñán, CVPR 2020),
    and ``"nuclear"`` the smallest that keep the fraction ``energy`` of the squared norm of each unfolding.

    Parameters
    ----------
    method
        Trains under nuclear-norm shrinkage or learning-compression.
    convs, groups, generator
        As for `Method.start`.
    epsilon
        Training has converged when every layer is nearer than this to what would be chosen; 0 never.
    alpha
        Price ``α`` of a weight.
    """

    def __init__(
        self,
        method: RankedMethod,
        convs: Mapping[str, nn.Conv2d],
        groups: Sequence[Sequence[ConvSpec]],
        generator: torch.Generator,
        epsilon: float,
        alpha: float,
    ) -> None:
        self._specs = {spec.path: spec for specs in groups for spec in specs}
        trainable = trainable_groups(convs, groups)
        self._trained = {spec.path: convs[spec.path].weight for specs in trainable for spec in specs}
        full = method.at_full()
        assert not isinstance(full, Skip)
        unfoldings = [full.unfoldings(self._specs[path]) for path in self._trained]
        regulariser = method.regulariser(list(self._trained.values()), unfoldings, self._nearest)
        super().__init__(method, convs, groups, generator, regulariser, epsilon, full.unfoldings)
        self._ranked, self._alpha = method, alpha
        self._lc = regulariser if isinstance(regulariser, LearningCompression) else None
        self._latest: Chosen = {}
        self._final: Chosen | None = None

    def converged(self) -> bool:
        if self._lc is not None:
            return super().converged()
        return bool(self.epsilon and self._trained) and bool((self._distances() < self.epsilon).all())

    def monitor(self) -> dict[str, dict[str, list[float]]]:
        numbers = super().monitor()
        if self._lc is None:
            for own, distance in zip(numbers.values(), shortest(self._distances()), strict=True):
                own["violation"] = [distance]
        for path, own in numbers.items():
            latest = self._latest.get(path, STAYS_DENSE)
            if not isinstance(latest, Skip):
                own["ranks"] = [float(rank) for rank in latest["ranks"]]
        return numbers

    def state_dict(self) -> dict[str, Any]:
        latest = {path: None if isinstance(own, Skip) else list(own["ranks"]) for path, own in self._latest.items()}
        return super().state_dict() | {"latest": latest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._latest = {path: STAYS_DENSE if ranks is None else {"ranks": tuple(ranks)}
                        for path, ranks in state["latest"].items()}  # fmt: skip

    def chosen(self) -> Chosen:
        if self._final is None:
            self._final = self._choose()
        return self._final

    def finish(self) -> dict[str, nn.Module]:
        layers: dict[str, nn.Module] = {}
        for path, own in self.chosen().items():
            if not isinstance(own, Skip):
                layers[path] = self._with(own).compress_layer(self.convs[path], self._specs[path], self.generator)
        return layers

    def _with(self, own: Mapping[str, Any]) -> RankedMethod:
        return self._ranked.with_settings(**own)

    @cached_property
    def _choice(self) -> RankChoice:
        """The ranks there are to choose from; made when it is known whether there is a budget."""
        return RankChoice(self._ranked, list(self._specs.values()), self.limit[0] if self.limit else "params")

    def _choose(self) -> Chosen:
        """Return the ranks that the weights of this moment are given."""
        weights = {path: conv.weight for path, conv in self.convs.items()}
        if self.limit is not None:
            return self._choice.within(weights, self.limit[1], relative=self._lc is None)
        if self._lc is not None:
            return self._choice.at_price(weights, 2 * self._alpha / self._lc.strength)
        chosen: Chosen = {}
        for path, spec in self._specs.items():
            ranks = self._ranked.ranks_by_energy(weights[path], spec)
            smaller = self._with({"ranks": ranks}).layer_cost(spec).weights < spec.cost.weights  # pyright: ignore[reportAttributeAccessIssue]
            chosen[path] = {"ranks": ranks} if smaller else STAYS_DENSE
        return chosen

    def _nearest(self) -> list[Tensor]:
        """Return the dense weights that the trained layers' decompositions stand for; a dense layer's is its own."""
        self._latest = self._choose()
        nearest: list[Tensor] = []
        for path, weight in self._trained.items():
            own = self._latest[path]
            if isinstance(own, Skip):
                nearest.append(weight.detach().clone())
            else:
                method = self._with(own)
                nearest += nearest_weights(method, self.convs, [[self._specs[path]]], self.generator).values()
        return nearest

    def _distances(self) -> Tensor:
        """Return ``‖W − Ŵ‖²`` of every trained layer."""
        pairs = zip(self._trained.values(), self._nearest(), strict=True)
        return torch.stack([(weight.detach() - target).float().square().sum() for weight, target in pairs])
