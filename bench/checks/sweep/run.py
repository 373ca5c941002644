"""Run a sweep: one process for each model, so that a crash takes nothing else down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...base.process import Outcome, run_in_process
from .kept import KeptOutcomes
from .models import SweepModel
from .outcome import MethodOutcome, ModelOutcome

Methods = Mapping[str, Mapping[str, Any]]
"""Names of methods, and of each the settings that are not the default ones."""


def run_sweep(
    models: Sequence[SweepModel],
    methods: Methods,
    on_model: Callable[[ModelOutcome], None],
    *,
    layers: str = "conv",
    kept: KeptOutcomes | None = None,
    seconds: float | None = None,
    memory: int | None = None,
) -> list[ModelOutcome]:
    """Check every method on every model.

    Parameters
    ----------
    models, methods
        What to check.
    on_model
        Called when a model is done.
    layers
        What is compressed: ``conv``, or ``conv+linear`` for linear layers, too.
    kept
        Outcomes of before: a model that has one here is not checked again, and new ones are added.
    seconds
        Time limit of a process in s, for each method it has to check.
    memory
        Limit of a process's resident memory in bytes.
    """
    outcomes = []
    for model in models:
        outcome = kept.find(model.name) if kept else None
        if outcome is None:
            outcome = _check_in_processes(model, methods, layers, seconds, memory)
            if kept:
                kept.add(outcome)
        outcomes.append(outcome)
        on_model(outcome)
    return outcomes


def _check_in_processes(
    model: SweepModel, methods: Methods, layers: str, seconds: float | None, memory: int | None
) -> ModelOutcome:
    """Check one model; where a method takes its process down, another goes on with the next method."""
    found = ModelOutcome(model.family, model.name)
    todo = [(name, dict(settings)) for name, settings in methods.items()]
    while True:
        begun: list[str] = []

        def on_event(name: str, value: Any, begun: list[str] = begun) -> None:
            if name == "model":
                vars(found).update(value)
            elif name == "begins":
                begun.append(value)
            elif name == "outcome":
                found.methods.append(value)

        limit = None if seconds is None else seconds * (len(todo) + 1)
        arguments = (model.name, todo, layers)
        ended = run_in_process(".checks.sweep.check:check_model", arguments, on_event, seconds=limit, memory=memory)
        if ended.how == "ok":
            return found
        if not begun:
            found.message = _message(ended)
            return found
        found.methods.append(MethodOutcome(begun[-1], "failed", message=_message(ended)))
        todo = todo[len(begun) :]
        if not todo:
            return found


def _message(ended: Outcome) -> str:
    return f"{ended.type}: {ended.message}"
