"""Multi-group Tucker-2 decomposition, at once or learnt with the adaptive rank penalty (yu2021)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import FactoredConv2d, copy_bias
from ...contract.method import SessionPart
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped
from ...contract.spec import ConvSpec
from ...numerics.linear import largest_divisor, truncated_svd
from ...numerics.ranks import energy_rank, evbmf_rank
from ...numerics.spectrum import discarded_squares, squared_spectra
from ...numerics.unfolding import Unfolding, spectra, stack_weights
from ..learning.arp import RankPenalty
from ..learning.lc import LearningCompression
from ..learning.nuclear import NuclearShrinkage
from ..learning.regulariser import LearnedPart, Regulariser, nearest_weights, trainable_groups
from ..refit.last_link import LastLink
from .decomposition import decompose, kept_squares
from .layers import IdentityPair, Tucker2Conv2d, strides_first
from .learnt_ranks import LearntRanksPart
from .ranked import RankedMethod
from .refit import last_coefficients, whiten_outputs

_ALL = 2**31 - 1
"""A rank that is cut down to whatever is full."""


@register("tucker2")
@dataclass(frozen=True)
class Tucker2(RankedMethod):
    """Tucker-2: ``W ≈ K ×₁ Z ×₂ A`` as 1×1, core and 1×1 convs; optionally learnt low-rank before it is decomposed.

    ``Z`` and ``A`` are the leading singular vectors of the unfoldings along output and input channels, ``K`` the
    projection of ``W`` onto them (yu2021, eqs. 1 to 4). A 1×1 conv becomes a pair of 1×1 convs, its truncated SVD of
    the smaller of the two ranks, unless three have fewer weights, as they can with several groups. The first 1×1 conv
    works before the stride, at the input's size, so that a strided layer may need more MACs than before though it has
    fewer weights; only where the layer itself is 1×1 is the stride taken first.

    The first convolution is left alone unless a selection says otherwise (``skip_first=0``): of the three colours it
    reads, ``r_in = 1`` keeps 44 to 47 % of its squared norm in trained CIFAR ResNets, for a few hundred weights saved.

    Parameters
    ----------
    rank
        Ratio ``p``: ``r_out = p·min(n, c·kh·kw)`` and ``r_in = p·min(c, n·kh·kw)``, in (0, 1].
    choose
        How ranks are found. ``"ratio"`` takes ``rank``. ``"energy"`` and ``"evbmf"`` look at the weights when a plan is
        made, and the ranks found are in the plan as ``ranks``: the smallest that keep the fraction ``energy`` of the
        squared norm of each unfolding, or those that empirical variational Bayes tells from noise (see `evbmf_rank`).
        Nothing is then left for a budget to size.
    energy
        Fraction in (0, 1] for ``choose="energy"``.
    ranks
        ``(r_in, r_out)`` themselves, for one layer; they go before ``choose`` and ``rank``.
    groups
        Diagonal blocks ``N`` of ``A`` and ``Z``, each from its slice of the unfolding; the core stays full. Where ``N``
        does not divide the channels, their largest divisor below ``N`` is taken; ranks are rounded to a multiple of it.
    groups_pointwise
        ``N`` of 1×1 convs; None for the same as ``groups``. The paper has 4, beside 1 for larger kernels.
    coefficients
        ``"identity"`` writes ``Z = Z′·[I | Z‴]`` and ``A`` alike, with ``Z′`` merged into the core; the identity costs
        neither weights nor MACs (yu2021, eq. 9). ``"dense"`` keeps plain 1×1 convs. The identity grows with the rank:
        a strided layer may lose a few MACs where rounding raises ``r_in`` alone.
    hooi
        Sweeps of higher-order orthogonal iteration that refine ``A`` and ``Z``.
    learn
        None decomposes at once. The others train the dense layers and decompose them when training has ended, with
        nothing trained afterwards: ``"arp"`` under the adaptive rank penalty, ``"nuclear"`` with soft-thresholded
        singular values, ``"lc"`` by learning-compression.
    epsilon
        Training has converged when every violation, the squared distance of an unfolding (of the weight, for ``"lc"``)
        from the nearest of its rank, is below ``ε``. 0, the default, never stops early: at a high learning rate a
        strong penalty meets any ``ε`` long before the weights have learnt to do without what it takes.
    refresh
        For ``"arp"``, steps between two updates of the subspaces the penalty pulls towards; for ``"nuclear"``, steps
        between two thresholdings.
    eta
        For ``"arp"``: growth ``η`` of the penalty's strength per step and unit of violation (yu2021, eq. 8).
    max_strength
        For ``"arp"``: cap ``M`` of the strength.
    exact
        For ``"arp"``: steps between two exact computations of the subspaces, which are otherwise tracked.
    shrink
        For ``"nuclear"``: what is taken off every singular value per step, the learning rate times the norm's weight.
    strength
        For ``"lc"``: strength ``μ`` of the first ``every`` steps.
    growth
        For ``"lc"``: factor of the strength after each further ``every`` steps.
    lc_max_strength
        For ``"lc"``: cap of the strength. Strength, growth and cap are the authors' schedule for CIFAR-10, 50 times
        from 1e-3 by 1.25 (to 56), each time for 15 epochs; a shorter training needs a smaller ``every``.
    every
        For ``"lc"``: steps between two decompositions.
    ranks_from
        ``"training"``: ranks are chosen from what ``"nuclear"`` or ``"lc"`` has made of the weights, layer by layer,
        and ``rank`` only says what a budget is. Under a budget they are those that lose least within it. Without one
        ``"nuclear"`` takes the smallest that keep ``energy`` of the squared norm of each unfolding, ``"lc"`` those
        of least ``α·weights + μ/2 ‖W − Ŵ‖²``. ``"plan"``: the planned ones. None: from training for ``"nuclear"``,
        the planned ones otherwise. Ranks that are given, or chosen when the plan is made, stay.
    alpha
        For ``"lc"``: price ``α`` of a stored weight, without a budget.
    refit, samples, positions, damping
        Whether and how the factors are refitted to activations: see `DataAware`. ``"ridge"`` fits the coefficients on
        the output's side, of an identity block those beside the identity; ``"whitened"`` chooses them, and the core
        with them, for given coefficients on the input's side (`whiten_outputs`). Only for layers that are decomposed
        before training.
    """

    rank: float = 0.5
    choose: Literal["ratio", "energy", "evbmf"] = "ratio"
    energy: float = 0.9
    ranks: tuple[int, int] | None = None
    groups: int = 1
    groups_pointwise: int | None = None
    coefficients: Literal["dense", "identity"] = "dense"
    hooi: int = 0
    learn: Literal["arp", "nuclear", "lc"] | None = None
    epsilon: float = 0
    refresh: int = 5
    eta: float = 1e-6
    max_strength: float = 0.1
    exact: int = 100
    shrink: float = 1e-4
    strength: float = 1e-3
    growth: float = 1.25
    lc_max_strength: float = 60
    every: int = 100
    ranks_from: Literal["plan", "training"] | None = None
    alpha: float = 1e-3

    version: ClassVar[int] = 3
    paper: ClassVar[str] = "Yu et al., Learning-based Tensor Decomposition with Adaptive Rank Penalty, ICPR 2020"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.learn is None or self.refit == "none",
            f"tucker2: learn={self.learn!r} decomposes when training has ended, with nothing refitted afterwards; "
            f"got refit={self.refit!r}",
        )
        require(0 < self.rank <= 1, f"tucker2: rank is a ratio in (0, 1], got {self.rank}")
        require(0 < self.energy <= 1, f"tucker2: energy is a fraction in (0, 1], got {self.energy}")
        if self.ranks is not None:
            object.__setattr__(self, "ranks", _pair_of_ranks(self.ranks))
        for name in ("groups", "groups_pointwise", "refresh", "exact", "every"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"tucker2: {name} is at least 1, got {value}")
        for name in ("eta", "max_strength", "shrink", "strength", "lc_max_strength", "alpha"):
            require(getattr(self, name) > 0, f"tucker2: {name} is positive, got {getattr(self, name)}")
        require(self.hooi >= 0, f"tucker2: hooi is a number of sweeps, at least 0, got {self.hooi}")
        require(self.epsilon >= 0, f"tucker2: epsilon is at least 0, got {self.epsilon}")
        require(self.growth >= 1, f"tucker2: growth is a factor of at least 1, got {self.growth}")
        require(
            self.ranks_from != "training" or self.learn in ("nuclear", "lc"),
            f"tucker2: ranks come from training where learn is nuclear or lc, not {self.learn}",
        )

    def budget_knob(self) -> Knob | None:
        if self.choose != "ratio" or self.ranks is not None:
            return None  # ranks that are given, or read off the weights, leave nothing to a budget
        # the identity saves r_in² MACs before the stride: more than the core needs, where rounding raises r_in alone
        return replace(self.knob, dips=("macs",)) if self.coefficients == "identity" else self.knob

    # -- shapes and costs -----------------------------------------------------------------------------------------

    def layer_groups(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the blocks ``(N_in, N_out)`` of ``A`` and of ``Z`` in one layer."""
        wanted = self.groups
        if spec.kernel_area == 1 and self.groups_pointwise is not None:
            wanted = self.groups_pointwise
        return largest_divisor(spec.in_channels, wanted), largest_divisor(spec.out_channels, wanted)

    def layer_ranks(self, spec: ConvSpec) -> tuple[int, int]:
        """Return ``(r_in, r_out)`` of one layer, multiples of its groups.

        Raises
        ------
        SettingError
            If they are chosen from the weights and that has not been done.
        """
        c, n, area = spec.in_channels, spec.out_channels, spec.kernel_area
        groups_in, groups_out = self.layer_groups(spec)
        require(
            self.choose == "ratio" or self.ranks is not None,
            f"tucker2: choose={self.choose!r} finds ranks when a plan is made from a model; without one, set ranks",
        )
        wanted = self.ranks or (self.rank * min(c, n * area), self.rank * min(n, c * area))
        return (
            _rounded(wanted[0], groups_in, min(c, groups_in * n * area)),
            _rounded(wanted[1], groups_out, min(n, groups_out * c * area)),
        )

    def is_pair(self, spec: ConvSpec) -> bool:
        """Return whether a layer becomes two 1×1 convs: where it is 1×1 itself and three would have more weights."""
        return spec.kernel_area == 1 and self._pair_cost(spec).weights <= self._three_cost(spec).weights

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        return self._pair_cost(spec) if self.is_pair(spec) else self._three_cost(spec)

    def other_weights(self, spec: ConvSpec) -> dict[str, int]:
        """Return the layer's weights with either kind of coefficients (yu2021, eq. 9, and without the identity)."""
        costs = {kind: replace(self, coefficients=kind).layer_cost(spec) for kind in ("dense", "identity")}
        return {f"{kind}_coefficients": cost.weights for kind, cost in costs.items() if isinstance(cost, Cost)}

    def _three_cost(self, spec: ConvSpec) -> Cost:
        (rank_in, rank_out), (groups_in, groups_out) = self.layer_ranks(spec), self.layer_groups(spec)
        core = rank_in * rank_out * spec.kernel_area
        before = spec.output_positions if strides_first(spec) else spec.input_positions
        return (
            self._coefficients_cost(rank_in, spec.in_channels, groups_in, before)
            + Cost.of(core, core * spec.output_positions)
            + self._coefficients_cost(rank_out, spec.out_channels, groups_out, spec.output_positions)
        )

    def _pair_cost(self, spec: ConvSpec) -> Cost:
        rank, positions = min(self.layer_ranks(spec)), spec.output_positions
        first = Cost.of(rank * spec.in_channels, rank * spec.in_channels * positions)
        return first + self._coefficients_cost(rank, spec.out_channels, 1, positions)

    def _coefficients_cost(self, rank: int, channels: int, groups: int, positions: int) -> Cost:
        if self.coefficients == "dense":
            stored = rank * channels // groups
            return Cost.of(stored, stored * positions)
        stored = rank * (channels - rank) // groups
        # a bit a channel says whether the identity holds it, unless it holds all
        return Cost(stored, stored * positions, 32 * stored + (channels if rank < channels else 0))

    def at_full(self) -> Self | Skip:
        # as many ranks as the blocks can hold: a ratio of 1 is less where several groups share a short unfolding
        return replace(self, ranks=(_ALL, _ALL))

    # -- ranks from weights ---------------------------------------------------------------------------------------

    @property
    def reads_weights(self) -> bool:
        return self.choose != "ratio" and self.ranks is None

    def resolve(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, dict[str, Any]]:
        if not self.reads_weights:
            return {}
        return {
            spec.path: {"ranks": self._chosen_ranks(convs[spec.path].weight, spec)}
            for spec in specs
            if refuse_grouped(spec) is None
        }

    def ranks_by_energy(self, weight: Tensor, spec: ConvSpec) -> tuple[int, int]:
        """Return the smallest ``(r_in, r_out)`` that keep ``energy`` of the squared norm of each unfolding."""
        return replace(self, choose="energy")._chosen_ranks(weight, spec)

    def _chosen_ranks(self, weight: Tensor, spec: ConvSpec) -> tuple[int, int]:
        def chosen(mode: int, groups: int) -> int:
            squares = spectra(weight, Unfolding(mode, groups, groups))
            if self.choose == "energy":
                return groups * energy_rank(squares, self.energy)
            channels = weight.shape[mode] // groups
            other = weight.numel() // weight.shape[mode]
            # all blocks have one rank: that of the block that needs most
            return groups * max(1, *(evbmf_rank(block, channels, other) for block in squares))

        groups_in, groups_out = self.layer_groups(spec)
        return chosen(1, groups_in), chosen(0, groups_out)

    # -- layers ---------------------------------------------------------------------------------------------------

    def skeleton(self, spec: ConvSpec) -> Tucker2Conv2d | FactoredConv2d:
        """Return a layer of the right structure, its weights arbitrary."""
        identity = self.coefficients == "identity"
        if self.is_pair(spec):
            rank = min(self.layer_ranks(spec))
            return IdentityPair(spec, rank) if identity else FactoredConv2d(spec, rank)
        return Tucker2Conv2d(spec, self.layer_ranks(spec), self.layer_groups(spec), identity=identity)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self.skeleton(spec) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self.skeleton(spec)
        weight = conv.weight.detach().double()
        if isinstance(layer, Tucker2Conv2d):
            layer.set_factors(*decompose(weight, layer.ranks, layer.blocks, self.hooi))
            copy_bias(conv, layer.last)
        else:
            mixing, filters = truncated_svd(weight.flatten(1), min(self.layer_ranks(spec)))
            layer.set_factors(filters, mixing)
            copy_bias(conv, layer.second)
        return layer

    # -- refitting ------------------------------------------------------------------------------------------------

    def last_link(self, layer: nn.Module) -> LastLink:
        if isinstance(layer, Tucker2Conv2d):
            return last_coefficients(lambda x: layer.core(layer.first(x)), layer.last)
        assert isinstance(layer, FactoredConv2d)
        return last_coefficients(layer.first, layer.second)

    def whiten(
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        if isinstance(layer, Tucker2Conv2d):
            first, _, _ = decompose(conv.weight.detach().double(), layer.ranks, layer.blocks, self.hooi)
            whiten_outputs(layer, conv, first, activations, self.positions, self.damping, generator)
        else:
            super().whiten(layer, conv, activations, generator)

    # -- errors ---------------------------------------------------------------------------------------------------

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        matrices = []
        for spec in specs:
            groups_in, groups_out = self.layer_groups(spec)
            stacked = stack_weights([convs[spec.path].weight.detach()])
            matrices += [Unfolding(0, 0, groups_out).blocks(stacked), Unfolding(1, 0, groups_in).blocks(stacked)]
        return matrices

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        ranks = []
        for spec in specs:
            (rank_in, rank_out), (groups_in, groups_out) = self.layer_ranks(spec), self.layer_groups(spec)
            ranks += [rank_out // groups_out, rank_in // groups_in]
        return ranks

    def error_curve(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], values: Sequence[Any]
    ) -> list[float]:
        sizes = [self.sized(value) for value in values]
        # what the core holds is kept; sweeps of orthogonal iteration can only keep more
        errors = [0.0] * len(sizes)
        for spec in specs:
            weight, (groups_in, groups_out) = convs[spec.path].weight.detach().double(), self.layer_groups(spec)
            kept = kept_squares(weight, (groups_in, groups_out))
            lost = discarded_squares(squared_spectra(weight.flatten(1)[None])) if spec.kernel_area == 1 else None
            for index, size in enumerate(sizes):
                rank_in, rank_out = size.layer_ranks(spec)
                if lost is not None and size.is_pair(spec):
                    errors[index] += float(lost[min(rank_in, rank_out)])
                else:
                    errors[index] += float(kept[-1, -1] - kept[rank_out // groups_out, rank_in // groups_in])
        return errors

    # -- learning -------------------------------------------------------------------------------------------------

    def unfoldings(self, spec: ConvSpec) -> list[Unfolding]:
        """Return what has to be of low rank for a layer to decompose without loss."""
        rank_in, rank_out = self.layer_ranks(spec)
        if self.is_pair(spec):
            return [Unfolding(0, min(rank_in, rank_out))]
        groups_in, groups_out = self.layer_groups(spec)
        return [Unfolding(0, rank_out, groups_out), Unfolding(1, rank_in, groups_in)]

    @property
    def sizes_from_training(self) -> bool:
        chosen = self.ranks_from or ("training" if self.learn == "nuclear" else "plan")
        return chosen == "training" and self.choose == "ratio" and self.ranks is None

    def trained_as(self) -> Self:
        return replace(self, rank=type(self).rank) if self.sizes_from_training else self

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        if self.learn is None:
            return super().start(convs, groups, generator)
        if self.sizes_from_training:
            return LearntRanksPart(self, convs, groups, generator, self.epsilon, self.alpha)
        trained = trainable_groups(convs, groups)
        specs = [spec for group in trained for spec in group]

        def project() -> list[Tensor]:
            nearest = nearest_weights(self, convs, trained, generator)
            return [nearest[spec.path] for spec in specs]

        weights = [convs[spec.path].weight for spec in specs]
        regulariser = self.regulariser(weights, [self.unfoldings(spec) for spec in specs], project)
        return LearnedPart(self, convs, groups, generator, regulariser, self.epsilon, self.unfoldings)

    def regulariser(
        self,
        weights: Sequence[Tensor],
        unfoldings: Sequence[Sequence[Unfolding]],
        project: Callable[[], list[Tensor]],
    ) -> Regulariser:
        if self.learn == "lc":
            schedule = {"strength": self.strength, "growth": self.growth, "every": self.every}
            return LearningCompression(weights, project, max_strength=self.lc_max_strength, **schedule)
        if self.learn == "nuclear":
            return NuclearShrinkage(weights, unfoldings, shrink=self.shrink, refresh=self.refresh)
        settings = {name: getattr(self, name) for name in ("eta", "max_strength", "refresh", "exact")}
        return RankPenalty(weights, unfoldings, **settings)


def _rounded(wanted: float, groups: int, limit: int) -> int:
    """Return the multiple of ``groups`` nearest to ``wanted``, from one of each group up to ``limit``."""
    return min(limit, groups * max(1, round(wanted / groups)))


def _pair_of_ranks(ranks: Any) -> tuple[int, int]:
    """Return ranks as a tuple, such as a list from a file."""
    two = isinstance(ranks, tuple | list) and len(ranks) == 2
    good = two and all(isinstance(rank, int) and not isinstance(rank, bool) and rank >= 1 for rank in ranks)
    require(good, f"tucker2: ranks is (r_in, r_out), whole numbers from 1, got {ranks!r}")
    return ranks[0], ranks[1]
