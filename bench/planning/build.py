"""A trial's parts, built from its settings: task, dense model, method and plan."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from torch import Tensor, nn

from ...methods import Method, Plan
from ...models import load_model
from ..base.errors import SuiteError
from ..base.runtime import RuntimeSettings, configure, seed_everything
from ..suite.trial import Trial
from ..tasks import Outline, Task, create_task, outline_task
from .choice import choose_method, choose_overrides, plan_choice


class PluginError(SuiteError):
    """A plugin that cannot be imported."""


def configure_trial(trial: Trial, *, compiles: bool = True) -> dict[str, Any]:
    """Set this process's global state for a trial, to run it or, where nothing is compiled, to plan it; return it."""
    return configure(RuntimeSettings(threads=trial.measure.threads), compiles=compiles)


def create_trial_task(trial: Trial) -> Task:
    """Return the trial's task with its data."""
    return create_task(trial.task, trial.resolved_data(), **trial.task_options)


def outline_trial_task(trial: Trial) -> Outline:
    """Return what a model for the trial's task must be like; the data may be elsewhere."""
    return outline_task(trial.task, trial.resolved_data(), **trial.task_options)


def create_trial_model(trial: Trial, model_kwargs: dict[str, Any]) -> nn.Module:
    """Return the trial's dense model; what its weights file does not set comes from the seed."""
    seed_everything(trial.seed)
    options = {**model_kwargs, **trial.model_options}
    return load_model(trial.model, pretrained=trial.resolved_pretrained(), **options)


def create_trial_method(trial: Trial) -> Method:
    """Return the trial's method with its settings."""
    return choose_method(trial.method)


def create_trial_overrides(trial: Trial) -> dict[str, Method | dict[str, Any] | None]:
    """Return what the trial does differently to single layers."""
    return choose_overrides(trial.method)


def create_trial_plan(trial: Trial, method: Method, model: nn.Module, example: Tensor) -> Plan:
    """Return the plan of the trial's method for its budget."""
    return plan_choice(trial.method, method, model, example, trial.budget, layers=trial.layers, split=trial.split)


def import_plugins(trial: Trial) -> None:
    """Import the suite's plugin modules; they may lie beside the suite file.

    Raises
    ------
    PluginError
        One cannot be imported.
    """
    if trial.plugins and trial.folder not in sys.path:
        sys.path.append(trial.folder)
    for name in trial.plugins:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise PluginError(f"plugins: cannot import '{name}': {type(error).__name__}: {error}") from error
