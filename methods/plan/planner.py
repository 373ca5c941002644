"""The planner: it traces a model, chooses layers, and finds the settings that meet a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal, cast, get_args

from torch import Tensor, nn

from ..contract.cost import COUNTS, Cost, Skip, Target
from ..contract.errors import SettingError, require
from ..contract.method import Method
from ..contract.rewrite import compressed_layers, is_inside
from ..contract.settings.select import Select, paths_in_short, ranked_convolutions
from ..contract.soundness.carried import HOOKS
from ..contract.soundness.example import ExampleForm
from ..contract.soundness.obstacles import obstacles, require_finite
from ..contract.spec import LINEAR, ConvSpec, Layers, has_own_weight
from ..contract.trace import Trace, trace
from ..contract.whole_model import WholeModelMethod
from ..linear_layers.choice import LinearChoice, choose_linears
from ..linear_layers.pointwise import as_convolution
from ..linear_layers.split import layer_at, layer_paths
from .allocation.allocate import Allocate, require_allocate, share_out
from .allocation.curves import Group
from .arguments import require_dense, require_method, require_model, require_target
from .budget import KnobValue, meet, why_stuck
from .inputs import Batch
from .left_alone import name_left_alone
from .plan import Allocation, GroupPlan, LayerPlan, Plan
from .scope import Scope
from .whole import plan_whole

Overrides = Mapping[str, Method | Mapping[str, Any] | None]


def plan(
    model: nn.Module,
    method: Method,
    example: Tensor | tuple[Any, ...],
    target: Target | None = None,
    *,
    overrides: Overrides | None = None,
    select: Select | None = None,
    unreachable: Literal["error", "nearest"] = "error",
    inefficient: Literal["skip", "replace"] = "skip",
    allocate: Allocate = "uniform",
    calibration: Iterable[Batch] | None = None,
    layers: Layers = "conv",
    split: Mapping[str, int] | None = None,
    traced: Trace | None = None,
) -> Plan:
    """Decide what happens to every convolution of ``model``, and to every linear layer if asked; nothing is changed.

    Weights are read only where a method's settings ask for it (`Method.resolve`), or ``allocate`` does; what they
    decide becomes a setting.

    Parameters
    ----------
    model
        Any module with convolutions.
    method
        The method and its settings.
    example
        An input the model accepts: a batch, or a tuple of arguments whose first is the batch.
    target
        A budget. The method's knob is set to the largest size within it. Where one step of the knob would exceed it,
        two neighbouring values are mixed over the layers.
    overrides
        By glob pattern over module paths: another method, settings to change, or None to leave the layer dense. Such
        layers keep their settings whatever the budget.
    select
        Which layers are touched; by default those of the method's paper. With a choice and without a target, the model
        may have compressed layers already; they stay as they are.
    unreachable
        For a budget that no setting meets: raise, or take the nearest size and say so in the plan's note.
    inefficient
        For layers that would not get smaller: leave them dense, or replace them all the same, as some papers do.
    allocate
        How the budget is shared out over the layers; those with settings of their own (``overrides``) have no part in
        it. ``"uniform"`` gives all of them one value of the knob. The others give every layer, or group of layers that
        share something, a value of its own, or leave it dense; they read the weights, and need a target.

        ``"energy"``: the smallest at which each keeps one common fraction of its squared norm. ``"evbmf"``: the ranks
        that empirical variational Bayes tells from noise (`evbmf_rank`), all scaled by one factor. ``"global"``: those
        at which the sum of the relative squared errors ``‖W − Ŵ‖² / ‖W‖²`` is least. ``"sensitivity"``: the same, each
        error weighted with what it does to the network's output, measured on 128 calibration inputs.
    calibration
        Batches of inputs, without labels, for ``"sensitivity"``; ignored elsewhere.
    layers
        ``"conv+linear"`` takes every `torch.nn.Linear` as a 1×1 convolution, and budgets count the weights of both. The
        classifier (see `Select`) and fused attention projections are left alone unless they are asked for.
    split
        By glob pattern, into how many equal blocks of rows a linear layer is cut, each compressed on its own:
        ``{"*.qkv": 3}``; 1 compresses fused projections as one matrix. Where several match, the last one counts.
    traced
        The result of ``trace(model, example, layers)``, to be used for several plans of one model.

    Returns
    -------
    Plan

    Raises
    ------
    UnreachableTarget
        If no setting meets the budget; the message names the reachable range.
    SettingError
        If an argument is of the wrong type, an override or a pattern of ``select`` matches no layer, a budget is
        asked of a method without a knob, or an allocation of one without an error.
    MethodError
        If the model is compressed already, or an allocation meets a weight that is not finite.
    """
    require_model(model)
    require_method(method)
    require_target(target)
    require_allocate(allocate, method, target)
    require_dense(model, stage=select is not None and target is None)
    require(layers in get_args(Layers), f"layers is conv or conv+linear, got {layers!r}")
    require(
        allocate != "sensitivity" or layers == "conv",
        "allocate='sensitivity' measures convolutions only: with layers='conv+linear' take 'global' or 'energy'",
    )
    require(not split or layers == "conv+linear", "split is of linear layers: set layers='conv+linear', too")
    traced = traced or trace(model, example, layers)
    require(traced.layers == layers, f"the trace is one of layers={traced.layers!r}, not of {layers!r}")
    chosen = choose_linears(model, traced.specs, split or {}, select or method.default_select)
    if select is not None:
        select.require_matches(chosen.specs, some=not overrides)
    if isinstance(method, WholeModelMethod):
        require(not overrides, f"{method.name} makes networks smaller as a whole: it takes no overrides")
        require(allocate == "uniform", f"{method.name} makes networks smaller as a whole: allocate is 'uniform'")
        require(layers == "conv", f"{method.name} makes networks smaller as a whole: layers is 'conv'")
        return plan_whole(
            model,
            method,
            example,
            target,
            select=select or method.default_select,
            unreachable=unreachable,
            traced=traced,
        )
    count = target.count if target else None
    planner = _Planner(
        model, chosen, method, select or method.default_select, overrides or {}, inefficient, count, traced
    )
    note, allocation = None, None
    if target is None:
        planned, groups = planner.draft(lambda _: method)
    else:
        nearest = unreachable == "nearest"
        planned, groups, note, allocation = planner.fit(target, allocate, calibration, nearest=nearest)
    scope = Scope.of(model, layers, chosen.split, {path for group in groups for path in group.paths})
    reference, form = getattr(model, "decompbench_ref", None), ExampleForm.of(example)
    return Plan(
        method, planned, groups, traced.linear_macs, target, note, reference,
        example=form, allocation=allocation, scope=scope,
    )  # fmt: skip


@dataclass
class _Planner:
    """The layers of a model, and the method that compresses each."""

    model: nn.Module
    linears: LinearChoice
    method: Method
    select: Select
    overrides: Overrides
    inefficient: Literal["skip", "replace"]
    count: str | None
    """The count that the budget is set on; None without a budget."""
    traced: Trace

    def __post_init__(self) -> None:
        self.specs = self.linears.specs
        self.fixed: dict[str, Method] = {}
        self.skips: dict[str, str] = {}
        for pattern in self.overrides:
            if not any(fnmatchcase(spec.path, pattern) for spec in self.specs):
                raise SettingError(f"override {pattern!r} matches no convolution; {paths_in_short(self.specs)}")
        convs = sum(spec.position >= 0 and not spec.is_linear for spec in self.specs)
        self.compressed = compressed_layers(self.model)
        self.obstacles = self._obstacles()
        for spec, ranked in zip(self.specs, ranked_convolutions(self.specs), strict=True):
            chosen = self._choose(spec, self.select.reason_to_skip(ranked, convs))
            if isinstance(chosen, Skip):
                self.skips[spec.path] = chosen.reason
            elif chosen is not None:
                self.fixed[spec.path] = chosen
        self._resolve()
        for spec in self.specs:
            if spec.path not in self.skips:
                cost = self.fixed.get(spec.path, self.method).layer_cost(spec)
                if isinstance(cost, Skip):
                    self.skips[spec.path] = cost.reason
                    self.fixed.pop(spec.path, None)
        # groups do not depend on the knob, so that neighbouring settings can be mixed group by group
        self.free = self._share(self.method, [s for s in self.specs if s.path not in self.skips | self.fixed])

    def _choose(self, spec: ConvSpec, not_selected: Skip | None) -> Method | Skip | None:
        """Return a layer's own method, a skip if it stays dense, or None if it has the plan's method."""
        if reason := self.linears.refused.get(spec.path):
            return Skip(reason)
        if skip := self._refuse_type(spec):
            return skip
        if is_inside(spec.path, self.compressed):
            return Skip("part of a compressed layer")
        if spec.position < 0 and spec.path not in self.obstacles:
            return Skip("never called by the example's forward pass")
        if not has_own_weight(layer_at(self.model, spec.path, self.linears.split)):
            return Skip("its weight is computed by a hook (weight norm, spectral norm, pruning): remove that first")
        holder = spec.shares_weight_with or spec.path
        if holder and any(other.shares_weight_with == holder for other in self.specs):
            return Skip("shares its weight with another convolution")
        if reason := self.obstacles.get(spec.path):
            return Skip(reason)
        own = [value for pattern, value in self.overrides.items() if fnmatchcase(spec.path, pattern)]
        if own:  # the last matching pattern wins
            if own[-1] is None:
                return Skip("left dense by an override")
            return own[-1] if isinstance(own[-1], Method) else self.method.with_settings(**own[-1])
        left = self.linears.left.get(spec.path)
        return not_selected or (Skip(left) if left else None)

    def _obstacles(self) -> dict[str, str]:
        """Return, by path, why a layer cannot be replaced; of a part of a linear layer, why the whole cannot."""
        modules = dict(self.model.named_modules(remove_duplicate=False))
        wholes = {spec.path: layer_paths(spec, self.linears.split)[0] for spec in self.specs}
        layers = {whole: modules[whole] for whole in wholes.values() if whole in modules}
        found = {**self.traced.obstacles, **obstacles(self.model, layers)}
        for whole in self.linears.split:
            if any(getattr(modules[whole], name) for name in HOOKS):
                found[whole] = "it has hooks, which its parts cannot take over"
        return {path: found[whole] for path, whole in wholes.items() if whole in found}

    def _resolve(self) -> None:
        """Fix the settings of layers whose method computes them from the weights."""
        users: dict[Method, list[ConvSpec]] = {}
        for spec in self.specs:
            if spec.path not in self.skips:
                users.setdefault(self.fixed.get(spec.path, self.method), []).append(spec)
        for method, specs in users.items():
            convs = {spec.path: self._convolution(spec.path) for spec in specs} if method.reads_weights else {}
            if method.reads_weights:
                require_finite(convs)
            for path, settings in method.resolve(convs, specs).items():
                self.fixed[path] = method.with_settings(**settings)

    def _convolution(self, path: str) -> nn.Conv2d:
        """Return the convolution at ``path``, or the linear layer there, or part of one, as a convolution."""
        layer = layer_at(self.model, path, self.linears.split)
        return as_convolution(layer) if isinstance(layer, nn.Linear) else cast(nn.Conv2d, layer)

    def _refuse_type(self, spec: ConvSpec) -> Skip | None:
        """Return a skip for a module that is no plain convolution, or of a type that its method does not express."""
        if spec.type not in ("Conv2d", "ConvTranspose2d", LINEAR):
            return Skip(f"a {spec.type} may compute more than a convolution")
        own = [value for pattern, value in self.overrides.items() if fnmatchcase(spec.path, pattern)]
        method = own[-1] if own and isinstance(own[-1], Method) else self.method
        if spec.path in self.traced.looked_at and method.kind == "architectural":
            return Skip(f"its weight or bias is read outside the layer, and {method.name} leaves it none")
        if spec.is_linear and method.sizes_from_training:
            return Skip(f"{method.name} chooses its sizes in training, which it does for convolutions only")
        return None if spec.type in method.expresses else Skip(f"{method.name} does not express a {spec.type}")

    def _share(self, method: Method, specs: list[ConvSpec]) -> list[list[ConvSpec]]:
        return [group for group in method.share(specs) if group]

    def draft(self, setting: Callable[[int], Method | Skip]) -> tuple[tuple[LayerPlan, ...], tuple[GroupPlan, ...]]:
        """Return the plan in which free group ``i`` has the settings ``setting(i)``, or is skipped."""
        tasks = [(setting(i), group) for i, group in enumerate(self.free)]
        for method in dict.fromkeys(self.fixed.values()):
            specs = [s for s in self.specs if self.fixed.get(s.path) == method]
            tasks += [(method, group) for group in self._share(method, specs)]
        after: dict[str, tuple[Cost, int]] = {}
        reasons = dict(self.skips)
        groups: list[GroupPlan] = []
        for method, specs in tasks:
            result = method if isinstance(method, Skip) else self.group_cost(method, specs)
            if isinstance(result, Skip):
                reasons |= {spec.path: result.reason for spec in specs}
                continue
            assert not isinstance(method, Skip)
            costs, shared = result
            after |= {spec.path: (cost, len(groups)) for spec, cost in zip(specs, costs, strict=True)}
            groups.append(GroupPlan(method, tuple(spec.path for spec in specs), shared))
        layers = tuple(
            LayerPlan(spec, spec.cost, *after[spec.path])
            if spec.path in after
            else LayerPlan(spec, spec.cost, spec.cost, reason=reasons[spec.path])
            for spec in self.specs
        )
        return layers, tuple(groups)

    def fit(
        self, target: Target, allocate: Allocate, calibration: Iterable[Batch] | None, *, nearest: bool
    ) -> tuple[tuple[LayerPlan, ...], tuple[GroupPlan, ...], str | None, Allocation | None]:
        """Return the plan that meets ``target``, with a note on the reason if it cannot, and how it is shared out."""
        method, knob = self.method, self.method.budget_knob()
        if knob is None:
            raise SettingError(f"method {method.name!r} has no knob: it cannot be sized to {target}")
        variants: dict[KnobValue, Method] = {}

        def variant(value: KnobValue) -> Method:
            if value not in variants:
                variants[value] = method.sized(value)
            return variants[value]

        def group_counts(value: KnobValue, count: str = target.count) -> list[int]:
            costs = (self.group_cost(variant(value), specs) for specs in self.free)
            return [_count(cost, specs, count) for cost, specs in zip(costs, self.free, strict=True)]

        dense = sum(spec.cost.count(target.count) for spec in self.specs)
        layers, groups = self.draft(lambda _: variant(knob.low))
        at_low = Cost.total(x.after for x in layers) + Cost.total(g.shared for g in groups)
        untouched = at_low.count(target.count) - sum(group_counts(knob.low))
        moved = [count for count in COUNTS if group_counts(knob.low, count) != group_counts(knob.high, count)]
        stuck = None if target.count in moved else why_stuck(knob, target, layers, moved)
        left = name_left_alone(layers, target)
        chosen, note = meet(
            knob, group_counts, target, dense, untouched, method.name, stuck=stuck, left=left, nearest=nearest
        )
        sizes: list[Method | Skip] = [variant(value) for value in chosen]
        allocation = None
        if allocate != "uniform" and note is None:  # at an end of the knob there is nothing to share out
            free = self._groups(target.count, [variant(value) for value in chosen])
            room = target.fraction * dense - untouched
            sizes, allocation = share_out(allocate, self.model, method, knob, free, room, calibration)
        layers, groups = self.draft(lambda i: sizes[i])
        return layers, groups, note, allocation

    def _groups(self, count: str, uniform: Sequence[Method]) -> list[Group]:
        """Return the free groups as an allocation sees them."""

        def price(method: Method, specs: Sequence[ConvSpec]) -> int | None:
            cost = self.group_cost(method, specs)
            return None if isinstance(cost, Skip) else _count(cost, specs, count)

        return [
            Group(
                specs,
                {spec.path: self._convolution(spec.path) for spec in specs},
                partial(price, specs=specs),
                sum(spec.cost.count(count) for spec in specs),
                self.inefficient == "skip",
                size,
            )
            for specs, size in zip(self.free, uniform, strict=True)
        ]

    def group_cost(self, method: Method, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost] | Skip:
        """Return a sharing group's costs, or a skip if it cannot be compressed so or would not get smaller."""
        result = method.group_costs(specs)
        if isinstance(result, Skip) or self.inefficient == "replace":
            return result
        costs, shared = result
        total = Cost.total(costs) + shared
        dense = Cost.total(spec.cost for spec in specs)
        # a codebook saves bits even where it saves no element, so either will do
        if total.weights >= dense.weights and total.bits >= dense.bits:
            return Skip(f"not efficient: {total.weights:,} weights instead of {dense.weights:,}")
        if self.count and total.count(self.count) > dense.count(self.count):
            what = "MACs" if self.count == "macs" else COUNTS[self.count]
            return Skip(f"not efficient: {total.count(self.count):,} {what} instead of {dense.count(self.count):,}")
        return costs, shared


def _count(result: tuple[list[Cost], Cost] | Skip, specs: Sequence[ConvSpec], count: str) -> int:
    if isinstance(result, Skip):
        return sum(spec.cost.count(count) for spec in specs)
    costs, shared = result
    return (Cost.total(costs) + shared).count(count)
