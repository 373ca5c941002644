"""Look at all trials of a run before any is trained: are they possible, and how large will they be?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..methods import Method, method_class
from .baseline import baseline_key, baseline_of, load_baseline
from .cache import baseline_file
from .checked import Checked
from .errors import SuiteError, is_user_error
from .execute import (
    configure_trial,
    create_trial_method,
    create_trial_model,
    create_trial_overrides,
    create_trial_plan,
    create_trial_task,
    import_plugins,
)
from .fingerprint import library_versions, plugin_hash, source_hash
from .measure import state_sha256
from .planning import plan_size
from .record import MethodInfo
from .runtime import device_name
from .tasks import Task
from .trial import Trial

Emit = Callable[[str, Any], None]


@dataclass
class _Cache:
    """Tasks and models that several trials share."""

    tasks: dict[str, Task] = field(default_factory=dict)
    models: dict[str, tuple[nn.Module, str, str | None]] = field(default_factory=dict)

    def task(self, trial: Trial) -> Task:
        key = repr((trial.task, trial.data, trial.task_options))
        if key not in self.tasks:
            self.tasks[key] = create_trial_task(trial)
        return self.tasks[key]

    def model(self, trial: Trial) -> tuple[nn.Module, str, str | None]:
        """Return the dense model, the hash of its weights before any training, and the key of its baseline if any.

        A baseline that is not trained yet has the weights that its training will start from.
        """
        source = (trial.model, trial.model_options, trial.pretrained, trial.seed, trial.baseline)
        key = repr(
            (source, trial.task, trial.data, trial.task_options, trial.measure.threads, trial.device, trial.devices)
        )
        if key not in self.models:
            self.models.clear()
            task = self.task(trial)
            model = create_trial_model(trial, task)
            weights, baseline = state_sha256(model), None
            if trial.baseline is not None:
                baseline = baseline_key(baseline_of(trial), task, weights, device_name(trial.device, trial.devices))
                if baseline_file(baseline).exists():
                    load_baseline(model, baseline)
            self.models[key] = model, weights, baseline
        return self.models[key]


def survey(emit: Emit, trials: list[Trial]) -> None:
    """Check every trial; hand over ``("checked", Checked)`` for each, in order.

    Raises
    ------
    SuiteError
        A model, task, data, method, setting, weights file or budget that cannot be; all in one message.
    """
    cache = _Cache()
    problems: dict[str, str] = {}
    for trial in trials:
        configure_trial(trial)
        try:
            emit("checked", _check(trial, cache))
        except Exception as error:
            if not is_user_error(error):
                raise
            problems.setdefault(str(error), trial.where)
    if problems:
        raise SuiteError("\n".join(f"{where}: {problem}" for problem, where in problems.items()))


def _check(trial: Trial, cache: _Cache) -> Checked:
    device = device_name(trial.device, trial.devices)
    import_plugins(trial)
    task = cache.task(trial)
    model, weights, baseline = cache.model(trial)
    try:
        method = create_trial_method(trial)
        create_trial_overrides(trial)
    except Exception as error:
        if is_user_error(error):
            raise
        return _unusable(trial, _fingerprint(trial, task, baseline or weights, device, None), baseline, error)
    settings = method.settings()
    if trial.budget is not None and (knob := method.budget_knob()) is not None:
        del settings[knob.field]  # the budget sets it, layer by layer: see Size.knob
    info = MethodInfo(
        name=method.name,
        label=trial.method.row,
        version=method.version,
        kind=method.kind,
        paper=method.paper,
        summary=method.summary(),
        settings=settings,
    )
    fingerprint = _fingerprint(trial, task, baseline or weights, device, method)
    try:
        size = plan_size(create_trial_plan(trial, method, model, task.example()))
        return Checked(fingerprint, info, baseline, size)
    except Exception as error:
        if is_user_error(error):
            raise
        return Checked(fingerprint, info, baseline, problem=f"{type(error).__name__}: {error}")


def _unusable(trial: Trial, fingerprint: dict[str, Any], baseline: str | None, error: Exception) -> Checked:
    """Return what can be said of a trial whose method cannot even be made."""
    info = MethodInfo(
        name=trial.method.name,
        label=trial.method.row,
        version=0,
        kind="unknown",
        paper="",
        summary="",
        settings=trial.method.settings,
    )
    return Checked(fingerprint, info, baseline, problem=f"{type(error).__name__}: {error}")


def _fingerprint(trial: Trial, task: Task, weights: str, device: str, method: Method | None) -> dict[str, Any]:
    """Return all that can change the trial's outcome; ``weights`` is their hash, or the key of what trains them."""
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
