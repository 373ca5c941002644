"""The preflight: all trials of a run are checked before any is trained, for being possible and for their size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from ..base.events import Emit
from ..base.runtime import device_name
from ..measure import state_sha256
from ..measure.forms import require
from ..planning.build import create_trial_model, create_trial_plan, create_trial_task
from ..planning.forecast import Checked
from ..planning.preview import for_each, plan_trial
from ..suite.trial import Trial
from ..tasks import Task
from ..training.baseline import baseline_key, baseline_of
from ..training.load_baseline import load_if_trained
from .keys import identity_of, provenance_of


@dataclass
class _Cache:
    """Tasks and models that several trials share; ``note`` is told of weights that cannot be used."""

    note: Callable[[str], None]
    tasks: dict[str, Task] = field(default_factory=dict)
    models: dict[str, tuple[nn.Module, str | None, str | None]] = field(default_factory=dict)

    def task(self, trial: Trial) -> Task:
        key = repr((trial.task, trial.data, trial.task_options))
        if key not in self.tasks:
            self.tasks[key] = create_trial_task(trial)
        return self.tasks[key]

    def model(self, trial: Trial) -> tuple[nn.Module, str | None, str | None]:
        """Return the dense model, the hash of its pretrained weights if any, and the key of its baseline if any.

        A baseline that is not trained yet has the weights that its training will start from.
        """
        source = (trial.model, trial.model_options, trial.pretrained, trial.seed, trial.baseline)
        key = repr(
            (source, trial.task, trial.data, trial.task_options, trial.measure.threads, trial.device, trial.devices)
        )
        if key not in self.models:
            self.models.clear()
            task = self.task(trial)
            model = create_trial_model(trial, task.model_kwargs())
            weights, baseline = state_sha256(model) if trial.pretrained else None, None
            if trial.baseline is not None:
                baseline = baseline_key(baseline_of(trial), task, weights, trial.device)
                load_if_trained(model, baseline, self.note)
            self.models[key] = model, weights, baseline
        return self.models[key]


def survey(emit: Emit, trials: list[Trial]) -> None:
    """Check every trial; hand over ``("checked", Checked)`` for each, in order, and ``("note", text)``.

    Raises
    ------
    SuiteError
        A model, task, data, method, setting, weights file or budget that cannot be; all in one message.
    """
    cache = _Cache(lambda text: emit("note", text))
    for_each(trials, lambda trial: emit("checked", _check(trial, cache)))


def _check(trial: Trial, cache: _Cache) -> Checked:
    device_name(trial.device, trial.devices)  # an error where there is no such device
    for form in trial.measure.forms:
        require(form, torch.device(trial.device).type)
    task = cache.task(trial)
    model, weights, baseline = cache.model(trial)
    planned, method = plan_trial(trial, lambda method: create_trial_plan(trial, method, model, task.example(), task))
    identity = identity_of(trial, task, weights, method)
    return Checked(identity=identity, provenance=provenance_of(trial, task), baseline=baseline, **vars(planned))
