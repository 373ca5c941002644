"""The choice of ranks from weights: the error and the cost of every pair of ranks of every layer, traded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...contract.cost import Cost, Skip
from ...contract.spec import ConvSpec
from ...numerics.trade_off import best_at, best_within
from ...numerics.unfolding import Unfolding, spectra
from .decomposition import kept_squares
from .ranked import RankedMethod

MOST_RANKS = 32
"""Ranks of one side of a layer that are tried, evenly spaced where there are more."""
Chosen = dict[str, Mapping[str, Any] | Skip]
"""By path ``{"ranks": (r_in, r_out)}``, or why the layer stays dense."""


class RankChoice:
    """The ranks that layers are given by what is left of their weights beyond them.

    The error of a pair of ranks is that of the weight projected onto its leading singular vectors, which orthogonal
    iteration would lower a little further. To stay dense is an option, too, at no error and the convolution's cost.

    Parameters
    ----------
    method
        With any ranks.
    specs
        The layers.
    count
        What is counted as cost: ``params``, ``macs`` or ``bits``.
    """

    def __init__(self, method: RankedMethod, specs: Sequence[ConvSpec], count: str = "params") -> None:
        options: dict[tuple[Any, ...], _Options] = {}
        self.layers = {}
        for spec in specs:
            shape = (spec.cost, spec.in_channels, spec.out_channels, spec.kernel_size, spec.stride, spec.padding,
                     spec.input_positions)  # fmt: skip
            if shape not in options:
                options[shape] = _Options.of(method, spec, count)
            self.layers[spec.path] = options[shape]

    def at_price(self, weights: Mapping[str, Tensor], price: float) -> Chosen:
        """Return the ranks with the least ``‖W − Ŵ‖² + price · cost``, layer by layer."""
        errors = [options.errors(weights[path]) for path, options in self.layers.items()]
        return self._named(best_at(errors, self._costs, price))

    def within(self, weights: Mapping[str, Tensor], limit: float, *, relative: bool) -> Chosen:
        """Return ranks that together cost at most ``limit``, with the least summed ``‖W − Ŵ‖²``.

        Parameters
        ----------
        weights
            By path.
        limit
            In the count.
        relative
            Whether a layer's error is divided by its ``‖W‖²``.
        """
        errors = []
        for path, options in self.layers.items():
            scale = weights[path].double().square().sum() if relative else torch.ones(())
            errors.append(options.errors(weights[path]) / scale.clamp(min=torch.finfo(torch.double).tiny))
        return self._named(best_within(errors, self._costs, limit))

    @cached_property
    def _costs(self) -> list[Tensor]:
        return [options.costs for options in self.layers.values()]

    def _named(self, chosen: Sequence[int]) -> Chosen:
        pairs = {path: options.ranks[index] if index < len(options.ranks) else None
                 for (path, options), index in zip(self.layers.items(), chosen, strict=True)}  # fmt: skip
        return {path: STAYS_DENSE if pair is None else {"ranks": pair} for path, pair in pairs.items()}


STAYS_DENSE = Skip("not efficient: training left it more ranks than would make it smaller")


@dataclass(frozen=True)
class _Options:
    """The pairs of ranks of layers of one shape, each smaller than the convolution; and their costs, dense at the end.

    Attributes
    ----------
    groups
        ``(N_in, N_out)``.
    ranks
        ``(r_in, r_out)``.
    pair
        Whether the layer then is a truncated SVD of the smaller rank.
    costs : Tensor ``(len(ranks) + 1,)``
    """

    groups: tuple[int, int]
    ranks: list[tuple[int, int]]
    pair: Tensor
    costs: Tensor

    @classmethod
    def of(cls, method: RankedMethod, spec: ConvSpec, count: str) -> _Options:
        groups = method.layer_groups(spec)
        full = method.with_settings(ranks=(2**31 - 1,) * 2).layer_ranks(spec)
        ranks, pair, costs = [], [], []
        dense = spec.cost.count(count)
        for rank_in in _levels(full[0], groups[0]):
            for rank_out in _levels(full[1], groups[1]):
                own = method.with_settings(ranks=(rank_in, rank_out))
                cost = own.layer_cost(spec)
                if isinstance(cost, Cost) and cost.count(count) < dense:
                    ranks.append((rank_in, rank_out))
                    pair.append(own.is_pair(spec))
                    costs.append(cost.count(count))
        return cls(groups, ranks, torch.tensor(pair, dtype=torch.bool), torch.tensor([*costs, dense]).double())

    def errors(self, weight: Tensor) -> Tensor:
        """Return ``‖W − Ŵ‖²`` of every pair of ranks, and 0 for dense."""
        weight = weight.detach().double().cpu()
        rank_in, rank_out = torch.tensor(self.ranks, dtype=torch.long).reshape(-1, 2).T
        groups_in, groups_out = self.groups
        kept = kept_squares(weight, self.groups)[rank_out // groups_out, rank_in // groups_in]
        if self.pair.any():
            of_pair = spectra(weight, Unfolding(0, 1))[0].cumsum(0)
            kept = torch.where(self.pair, of_pair[torch.minimum(rank_in, rank_out) - 1], kept)
        return torch.cat(((weight.square().sum() - kept).clamp(min=0), torch.zeros(1).double()))


def _levels(full: int, groups: int) -> list[int]:
    """Return the ranks of one side that are tried: multiples of the groups, up to the full one."""
    steps = full // groups
    tried = min(MOST_RANKS, steps)
    return sorted({groups * round(steps * number / tried) for number in range(1, tried + 1)})
