"""The plan: for every layer of a model, its method with settings and its cost, or the reason it stays dense."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import nn

from ...common.shares import small_part
from ..contract.cost import Cost, Skip, Target
from ..contract.errors import MethodError
from ..contract.method import Method
from ..contract.registry import get_method
from ..contract.rewrite import is_inside
from ..contract.soundness.example import ExampleForm
from ..contract.spec import ConvSpec
from .scope import Scope

PLAN_VERSION = 2
"""Version of plans with linear layers; without any it is 1, which older versions of the library read, too."""


@dataclass(frozen=True)
class GroupPlan:
    """Layers that are compressed together with the same settings: a sharing group, most often of one layer.

    Attributes
    ----------
    method
        The method with its settings.
    paths
        The layers, by module path.
    shared
        Cost of what they share, counted once.
    """

    method: Method
    paths: tuple[str, ...]
    shared: Cost


@dataclass(frozen=True)
class Allocation:
    """What sharing a budget out over the layers, instead of one value of the knob for all, does to the errors.

    Attributes
    ----------
    by
        How: a word of ``plan(…, allocate=…)``.
    error
        ``Σ ‖W − Ŵ‖² / ‖W‖²`` over the groups of layers that the budget is for, measured on the layers at once. For
        ``"sensitivity"`` each term is weighted with the group's sensitivity: the sum is then the relative squared
        change of the network's output, as far as the changes add up.
    uniform_error
        The same with one value of the knob for all.
    """

    by: str
    error: float
    uniform_error: float

    def __str__(self) -> str:
        what = "expected relative change of the output" if self.by == "sensitivity" else "summed relative error"
        return f"allocate={self.by}: {what} {self.error:.4g}, with one setting for all layers {self.uniform_error:.4g}"


@dataclass(frozen=True)
class LayerPlan:
    """The entry of one layer in a plan.

    Attributes
    ----------
    spec
        The layer.
    before, after
        Its cost as it is and as it will be, without what it shares with others.
    group
        Index into `Plan.groups`; None if the layer stays as it is.
    reason
        Why it stays as it is; None if it does not.
    """

    spec: ConvSpec
    before: Cost
    after: Cost
    group: int | None = None
    reason: str | None = None

    @property
    def path(self) -> str:
        """Module path of the layer."""
        return self.spec.path

    def _shifted(self, groups: int, position: int) -> LayerPlan:
        """Return this entry for a plan with ``groups`` more groups in front, with another position."""
        group = None if self.group is None else self.group + groups
        return replace(self, spec=replace(self.spec, position=position), group=group)


@dataclass(frozen=True)
class Plan:
    """The plan for a whole model: per layer the method, its settings, cost before and after, or the reason for none.

    Attributes
    ----------
    method
        The method asked for; single layers may have another (see `groups`).
    layers
        Every layer that `scope` is about, in the order of the forward pass.
    groups
        The compressed ones, as sharing groups.
    linear_macs
        MACs per image that no method touches: those of what is not in ``layers`` (linear layers, attention and other
        products of matrices, convolutions that no module holds).
    target
        The budget, if one was asked for.
    note
        Why the budget was not met; None if it was, or if there is none.
    model
        Name and arguments from which the model source rebuilds the dense model; None for a model without them.
    example
        The form of the example, by which it is checked that what is replaced is what runs; None if it cannot be kept.
    linear_macs_after, kept
        For a method that makes the network smaller as a whole: what ``linear_macs`` become, and the convolutions that
        are to keep their shape.
    allocation
        What was won by sharing the budget out over the layers; None where one value of the knob serves all.
    scope
        Which layers the plan is about, and how much of the model they are.
    """

    method: Method
    layers: tuple[LayerPlan, ...]
    groups: tuple[GroupPlan, ...]
    linear_macs: int = 0
    target: Target | None = None
    note: str | None = None
    model: dict[str, Any] | None = None
    example: ExampleForm | None = None
    linear_macs_after: int | None = None
    kept: tuple[str, ...] = ()
    allocation: Allocation | None = None
    scope: Scope = field(default_factory=Scope, kw_only=True)

    @property
    def macs_before(self) -> int:
        """MACs per image of the whole dense model, as far as they are counted."""
        return self.before.macs + self.linear_macs

    @property
    def macs_after(self) -> int:
        """MACs per image of the whole compressed model."""
        return self.after.macs + (self.linear_macs if self.linear_macs_after is None else self.linear_macs_after)

    @property
    def before(self) -> Cost:
        """Cost of all layers of the dense model, touched or not."""
        return Cost.total(layer.before for layer in self.layers)

    @property
    def after(self) -> Cost:
        """Cost of all layers after compression; what is shared is counted once."""
        return Cost.total(layer.after for layer in self.layers) + Cost.total(group.shared for group in self.groups)

    @property
    def linear_weights(self) -> tuple[int, int]:
        """Weights of all linear layers before and after compression; what a convolution shares is not among them."""
        if self.scope.layers == "conv":
            return self.scope.linear_weights, self.scope.linear_weights
        linear = {layer.path: layer for layer in self.layers if layer.spec.is_linear}
        shared = sum(group.shared.weights for group in self.groups if linear.keys() >= {*group.paths})
        before = sum(layer.before.weights for layer in linear.values())
        return before, sum(layer.after.weights for layer in linear.values()) + shared

    @property
    def small_part(self) -> str | None:
        """A sentence on how small a part of the model its convolutions are; None unless they are, and are all."""
        if self.scope.layers != "conv":
            return None
        return small_part(self.before.weights, self.scope.linear_weights, self.scope.parameters)

    @property
    def other_weights(self) -> dict[str, int]:
        """Conv weights after compression by further conventions of the methods' papers, by the convention's name."""
        saved: dict[str, int] = {}
        for layer in self.layers:
            method = self.method_of(layer)
            for name, weights in (method.other_weights(layer.spec) if method else {}).items():
                saved[name] = saved.get(name, 0) + layer.after.weights - weights
        return {name: self.after.weights - less for name, less in saved.items()}

    def ratio(self, count: str = "params") -> float:
        """Return ``after / before`` on ``params``, ``macs`` or ``bits``."""
        return self.after.count(count) / max(1, self.before.count(count))

    def method_of(self, layer: LayerPlan) -> Method | None:
        """Return the method, with its settings, that compresses ``layer``; None if none does."""
        return None if layer.group is None else self.groups[layer.group].method

    @property
    def calibration_samples(self) -> int:
        """Number of calibration inputs that the methods need; 0 if they read weights only."""
        return max((group.method.calibration_samples for group in self.groups), default=0)

    def limit_of(self, paths: Collection[str]) -> tuple[str, int] | None:
        """Return the count that the budget is set on, and what these layers come to in it; None without a budget."""
        if self.target is None:
            return None
        costs = [layer.after for layer in self.layers if layer.path in paths]
        costs += [group.shared for group in self.groups if set(group.paths) <= set(paths)]
        return self.target.count, Cost.total(costs).count(self.target.count)

    def settled(self, chosen: Mapping[str, Mapping[str, Any] | Skip]) -> Plan:
        """Return the plan with settings that training has chosen for layers, or with the reason why one stays dense.

        The layers of a sharing group are given the same.
        """
        groups: list[GroupPlan] = []
        layers = {layer.path: layer for layer in self.layers}
        for group in self.groups:
            own = chosen.get(group.paths[0], {})
            method = group.method if isinstance(own, Skip) else group.method.with_settings(**own)
            result = own if isinstance(own, Skip) else method.group_costs([layers[path].spec for path in group.paths])
            if isinstance(result, Skip):
                for path in group.paths:
                    layers[path] = LayerPlan(layers[path].spec, layers[path].before, layers[path].before,
                                             reason=result.reason)  # fmt: skip
                continue
            costs, shared = result
            for path, cost in zip(group.paths, costs, strict=True):
                layers[path] = replace(layers[path], after=cost, group=len(groups))
            groups.append(GroupPlan(method, group.paths, shared))
        return replace(self, layers=tuple(layers.values()), groups=tuple(groups))

    def draw_example(self, model: nn.Module) -> tuple[Any, ...] | None:
        """Return arguments of the example's form that ``model`` can take; None if the form is not known."""
        return None if self.example is None else self.example.draw_for(model)

    def followed_by(self, later: Plan) -> Plan:
        """Return one plan for this stage and a ``later`` one, which was made for the model that this plan gave.

        Layers that this plan compresses keep its entries, and what lies inside them is left out. The budget and the
        note of a single stage do not hold for both, so there is none.
        """
        scope = self.scope.followed_by(later.scope)
        own = [layer for layer in self.layers if layer.path not in later.scope.split]
        paths = {path for layer in own for path in (layer.path, *layer.spec.aliases)}
        then = {layer.path: layer for layer in later.layers if not is_inside(layer.path, paths)}
        layers = []
        for layer in own:
            new = then.pop(layer.path, None)
            # the order of the calls is that of the dense model
            layers.append(layer if new is None else new._shifted(len(self.groups), layer.spec.position))
        layers += [new._shifted(len(self.groups), new.spec.position) for new in then.values()]
        groups = self.groups + later.groups
        linear_macs = self.linear_macs if scope.layers == self.scope.layers else later.linear_macs
        example = later.example or self.example
        return Plan(later.method, tuple(layers), groups, linear_macs, model=self.model, example=example, scope=scope)

    def rows(self) -> list[dict[str, Any]]:
        """Return one mapping per layer, for tables."""
        return [
            {
                "layer": layer.path,
                "shape": f"{layer.spec.in_channels}→{layer.spec.out_channels} "
                + "×".join(map(str, layer.spec.kernel_size)),
                "method": str(self.method_of(layer) or "–"),
                "weights_before": layer.before.weights,
                "weights_after": layer.after.weights,
                "macs_before": layer.before.macs,
                "macs_after": layer.after.macs,
                "note": layer.reason or "",
            }
            for layer in self.layers
        ]

    def __str__(self) -> str:
        """Return the plan as a table for a terminal."""
        rows = self.rows()
        widths = {key: max(len(key), *(len(f"{row[key]}") for row in rows)) if rows else len(key)
                  for key in ("layer", "shape", "method")}  # fmt: skip
        head = "  ".join(f"{key:{width}}" for key, width in widths.items())
        lines = [f"{head}  {'weights':>21}  {'MACs':>25}"]
        for row in rows:
            left = "  ".join(f"{row[key]:{width}}" for key, width in widths.items())
            weights = f"{row['weights_before']:>10,}→{row['weights_after']:<10,}"
            macs = f"{row['macs_before']:>12,}→{row['macs_after']:<12,}"
            lines.append(f"{left}  {weights}  {macs} {row['note']}".rstrip())
        shared = Cost.total(group.shared for group in self.groups)
        if shared.weights:
            lines.append(f"shared across layers: {shared.weights:,} weights")
        before, after = self.before, self.after
        lines.append(
            f"total: {before.weights:,} → {after.weights:,} {self.scope.what} weights ({100 * self.ratio():.2f} %), "
            f"{before.macs:,} → {after.macs:,} {self.scope.what} MACs ({100 * self.ratio('macs'):.2f} %), "
            f"{100 * self.ratio('bits'):.2f} % of the bits"
        )
        if self.scope.layers == "conv+linear":
            linear_before, linear_after = self.linear_weights
            lines.append(
                f"of these: {before.weights - linear_before:,} → {after.weights - linear_after:,} conv weights, "
                f"{linear_before:,} → {linear_after:,} linear weights"
            )
        if any(group.method.sizes_from_training for group in self.groups):
            lines.append("training chooses the ranks: these sizes are where it starts"
                         + (f", and {self.target} is kept" if self.target else ""))  # fmt: skip
        if self.allocation:
            lines.append(str(self.allocation))
        for note in filter(None, (self.small_part, self.note)):
            lines.append(f"note: {note}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as nested plain mappings; `from_json` gives it back."""
        return {
            "version": 1 if self.scope.layers == "conv" else PLAN_VERSION,
            "method": _method_json(self.method),
            "layers": [
                {
                    "spec": layer.spec.to_json(),
                    "before": layer.before.to_json(),
                    "after": layer.after.to_json(),
                    "group": layer.group,
                    "reason": layer.reason,
                }
                for layer in self.layers
            ],
            "groups": [
                {"method": _method_json(g.method), "paths": list(g.paths), "shared": g.shared.to_json()}
                for g in self.groups
            ],
            "linear_macs": self.linear_macs,
            "target": self.target.to_json() if self.target else None,
            "note": self.note,
            "model": self.model,
            "scope": self.scope.to_json(),
            "example": self.example.to_json() if self.example else None,
            **({} if self.linear_macs_after is None else self._whole_json()),
            **({"allocation": asdict(self.allocation)} if self.allocation else {}),
        }

    def _whole_json(self) -> dict[str, Any]:
        """Return what only the plan of a whole-model method has."""
        return {
            "linear_macs_after": self.linear_macs_after,
            "kept": list(self.kept),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """Rebuild a plan from `to_json`.

        Raises
        ------
        ValueError
            If the plan was written by a newer version of the library.
        """
        if data["version"] > PLAN_VERSION:
            raise ValueError(f"the plan has version {data['version']}, this library reads up to {PLAN_VERSION}: "
                             "update decompbench")  # fmt: skip
        return cls(
            _method_from_json(data["method"]),
            tuple(
                LayerPlan(
                    ConvSpec.from_json(layer["spec"]),
                    Cost(**layer["before"]),
                    Cost(**layer["after"]),
                    layer["group"],
                    layer["reason"],
                )
                for layer in data["layers"]
            ),
            tuple(
                GroupPlan(_method_from_json(g["method"]), tuple(g["paths"]), Cost(**g["shared"]))
                for g in data["groups"]
            ),
            data["linear_macs"],
            Target.from_json(data["target"]) if data["target"] else None,
            data["note"],
            data["model"],
            ExampleForm.from_json(data["example"]) if data.get("example") else None,
            data.get("linear_macs_after"),
            tuple(data.get("kept", ())),
            Allocation(**data["allocation"]) if "allocation" in data else None,
            scope=Scope(**data.get("scope", {})),
        )


def _method_json(method: Method) -> dict[str, Any]:
    return {"name": method.name, "version": method.version, "settings": method.settings()}


def _method_from_json(data: dict[str, Any]) -> Method:
    method = get_method(data["name"], **data["settings"])
    if data["version"] != method.version:
        raise MethodError(
            f"the plan was made by version {data['version']} of method {method.name!r}; this is version "
            f"{method.version}, whose layers may be built differently"
        )
    return method
