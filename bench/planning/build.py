"""A trial's parts, built from its settings: task, dense model, method and plan."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...methods import SENSITIVITY_SAMPLES, Method, Plan
from ...models import load_model
from ..base.runtime import RuntimeSettings, configure, seed_everything
from ..suite.trial import Trial
from ..tasks import Outline, Task, create_task, outline_task
from .choice import choose_method, choose_overrides, plan_choice


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


def create_trial_plan(
    trial: Trial, method: Method, model: nn.Module, example: Tensor, task: Task | None = None
) -> Plan:
    """Return the plan of the trial's method for its budget.

    ``allocate: sensitivity`` needs the task: sensitivities are measured on its training data.
    """
    calibration = None
    if task is not None and trial.method.allocate == "sensitivity":
        calibration = task.calibration_batches(SENSITIVITY_SAMPLES, trial.seed, trial.device)
    about = {"layers": trial.layers, "split": trial.split}
    return plan_choice(trial.method, method, model, example, trial.budget, calibration=calibration, **about)
