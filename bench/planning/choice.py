"""A suite's or variant's choice of a method, turned into the method and its plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ...methods import Layers, Method, MethodError, Plan, Target, Trace, get_method, plan
from ..base.errors import SuiteError
from ..records.record import KnobRange, Size
from ..suite.schema import Budget, MethodChoice


def choose_method(choice: MethodChoice) -> Method:
    """Return the method a choice names, with its settings."""
    return get_method(choice.name, **choice.settings)


def choose_overrides(choice: MethodChoice) -> dict[str, Method | dict[str, Any] | None]:
    """Return what a choice does differently to single layers: by pattern settings, another method, or None.

    Raises
    ------
    SuiteError
        Another method that does not exist or does not have such settings.
    """
    overrides: dict[str, Method | dict[str, Any] | None] = {}
    for pattern, own in (choice.overrides or {}).items():
        if own is None or "method" not in own:
            overrides[pattern] = own
            continue
        settings = {key: value for key, value in own.items() if key != "method"}
        try:
            overrides[pattern] = get_method(own["method"], **settings)
        except MethodError as error:
            raise SuiteError(f"overrides: {pattern!r}: {error}") from error
    return overrides


def plan_choice(
    choice: MethodChoice,
    method: Method,
    model: nn.Module,
    example: Tensor,
    budget: Budget | None = None,
    traced: Trace | None = None,
    *,
    calibration: Iterable[Tensor] | None = None,
    layers: Layers = "conv",
    split: Mapping[str, int] | None = None,
) -> Plan:
    """Return the plan of a choice for a model.

    Parameters
    ----------
    choice
        Which layers are touched, and which of them differently.
    method
        From :func:`choose_method`.
    model, example
        The dense model and an input of it.
    budget
        The size to reach; None plans the method at its own settings.
    traced
        What ``trace(model, example, layers)`` gave, where several choices are planned for one model.
    calibration
        Training inputs without targets, for ``allocate: sensitivity``.
    layers, split
        What the method compresses, and which linear layers are cut: see the suite's entry.
    """
    return plan(
        model,
        method,
        example,
        Target(**budget.as_dict()) if budget else None,
        overrides=choose_overrides(choice),
        select=choice.select and replace(method.default_select, **choice.select.model_dump(exclude_none=True)),
        unreachable=choice.unreachable,
        inefficient=choice.inefficient,
        allocate=choice.allocate,
        calibration=calibration,
        layers=layers,
        split=split,
        traced=traced,
    )


def why_nothing(plan: Plan) -> str:
    """Return why a plan without groups compresses nothing: the reasons of all layers."""
    reasons = Counter(layer.reason for layer in plan.layers if layer.reason)
    listed = "; ".join(f"{count} × {reason}" for reason, count in sorted(reasons.items()))
    return f"{plan.method.name} compresses no layer: {listed}"


def plan_size(plan: Plan) -> Size:
    """Return what a plan comes to."""
    dense_linear_weights, linear_weights = plan.linear_weights
    return Size(
        weights=plan.after.weights,
        dense_weights=plan.before.weights,
        macs=plan.macs_after,
        dense_macs=plan.macs_before,
        bits=plan.after.bits,
        dense_bits=plan.before.bits,
        budget_ratio=plan.ratio(plan.target.count) if plan.target else None,
        compressed_layers=sum(layer.group is not None for layer in plan.layers),
        layers=len(plan.layers),
        other_weights=plan.other_weights,
        note=plan.note,
        knob=_knob_range(plan),
        linear_weights=linear_weights,
        dense_linear_weights=dense_linear_weights,
        dense_parameters=plan.scope.parameters,
    )


def _knob_range(plan: Plan) -> KnobRange | None:
    """Return the values a budget gave to the method's knob, over the layers that have this method."""
    knob = plan.method.budget_knob()
    if plan.target is None or knob is None:
        return None
    moved = [group.method for group in plan.groups if group.method.name == plan.method.name]
    # a layer whose size was given or chosen otherwise is not what the budget set
    values = {getattr(method, knob.field) for method in moved if method.budget_knob() is not None}
    if not values:
        return None
    if knob.choices:
        ordered = sorted(values, key=lambda value: knob.choices.index(value) if value in knob.choices else -1)
    else:
        ordered = sorted(values, reverse=knob.low > knob.high)
    return KnobRange(field=knob.field, low=ordered[0], high=ordered[-1])
