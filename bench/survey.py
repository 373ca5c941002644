"""Look at all trials of a run before any is trained: are they possible, and how large will they be?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..methods import Method, method_class
from .checked import Checked
from .errors import BenchError
from .execute import Emit, create_trial_model, create_trial_plan, create_trial_task
from .fingerprint import library_versions, plugin_hash, source_hash
from .measure import state_sha256
from .preview import for_each, plan_trial
from .tasks import Task
from .trial import Trial


@dataclass
class _Cache:
    """Tasks and models that several trials share."""

    tasks: dict[str, Task] = field(default_factory=dict)
    models: dict[str, tuple[nn.Module, str]] = field(default_factory=dict)

    def task(self, trial: Trial) -> Task:
        key = repr((trial.task, trial.data, trial.task_options))
        if key not in self.tasks:
            self.tasks[key] = create_trial_task(trial)
        return self.tasks[key]

    def model(self, trial: Trial) -> tuple[nn.Module, str]:
        """Return the dense model and the hash of its weights."""
        source = (trial.model, trial.model_options, trial.pretrained, trial.seed)
        key = repr((source, trial.task, trial.data, trial.task_options))
        if key not in self.models:
            self.models.clear()
            model = create_trial_model(trial, self.task(trial).model_kwargs())
            self.models[key] = model, state_sha256(model)
        return self.models[key]


def survey(emit: Emit, trials: list[Trial]) -> None:
    """Check every trial; hand over ``("checked", Checked)`` for each, in order.

    Raises
    ------
    SuiteError
        A model, task, data, method, setting, weights file or budget that cannot be; all in one message.
    """
    cache = _Cache()
    for_each(trials, lambda trial: emit("checked", _check(trial, cache)))


def _check(trial: Trial, cache: _Cache) -> Checked:
    device = _device_name(trial.device)
    task = cache.task(trial)
    model, weights = cache.model(trial)
    planned, method = plan_trial(trial, lambda method: create_trial_plan(trial, method, model, task.example()))
    return Checked(fingerprint=_fingerprint(trial, task, weights, device, method), **vars(planned))


def _fingerprint(trial: Trial, task: Task, weights: str, device: str, method: Method | None) -> dict[str, Any]:
    """Return all that can change the trial's outcome."""
    return {
        "trial": trial.outcome_settings(),
        "method": method and {"name": method.name, "version": method.version, "settings": method.settings()},
        "plugins": {name: plugin_hash(method_class(name).__module__) for name in sorted(trial.method.names)},
        "source": source_hash(),
        "weights": weights,
        "data": task.data_revision,
        "versions": library_versions(),
        "threads": torch.get_num_threads(),
        "device": device,
    }


def _device_name(device: str) -> str:
    """Return the name of the processor a trial runs on; BenchError where there is none such."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        return device
    if kind != "cuda" or not (number.isdecimal() or device == "cuda"):
        raise BenchError(f"device '{device}': must be cpu, cuda or cuda:N")
    if int(number or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise BenchError(f"device '{device}': torch finds {found} GPUs here; use --device cpu")
    return torch.cuda.get_device_name(device)
