"""From a choice in a file to a method and a plan: where suites and variants turn into the library's terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..methods import Method, Plan, Target, get_method, plan
from .suite import Budget, MethodChoice


def choose_method(choice: MethodChoice) -> Method:
    """Return the method a choice names, with its settings."""
    return get_method(choice.name, **choice.settings)


def plan_choice(
    choice: MethodChoice, method: Method, model: nn.Module, example: Tensor, budget: Budget | None = None
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
    """
    return plan(
        model,
        method,
        example,
        Target(**budget.as_dict()) if budget else None,
        overrides={pattern: _override(settings) for pattern, settings in (choice.overrides or {}).items()},
        select=choice.select and replace(method.default_select, **choice.select.model_dump(exclude_none=True)),
        unreachable=choice.unreachable,
        inefficient=choice.inefficient,
    )


def _override(settings: dict[str, Any] | None) -> Method | dict[str, Any] | None:
    """Return what the planner takes: settings to change, another method where one is named, or None for dense."""
    if settings is None or "name" not in settings:
        return settings
    return get_method(settings["name"], **{key: value for key, value in settings.items() if key != "name"})
