"""The preview of trials: plans from settings alone, with neither data nor weights on this machine.

A file of weights that is here is checked all the same, so that one that is damaged or does not fit is reported early.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from ...methods import Method, Plan
from ...models import ModelSettingError, UnknownModelError, WeightsError
from ...models.checkpoint import require_usable
from ..base.errors import SuiteError, is_user_error
from ..base.events import Emit
from ..data import DataError, DataOptionError
from ..records.record import MethodInfo
from ..suite.trial import Trial
from ..tasks import TaskError, UnknownTaskError
from ..training.optim import OptimizerError, require_optimizer
from .build import (
    configure_trial,
    create_trial_method,
    create_trial_model,
    create_trial_overrides,
    outline_trial_task,
)
from .choice import plan_choice, plan_size, why_nothing
from .forecast import Planned
from .meta_model import TracedModel, trace_model

#: What an error of a kind is about: a key of an entry. The first that fits counts.
KEYS = (
    (UnknownTaskError, "task"),
    ((TaskError, DataOptionError), "task_options"),
    (DataError, "data"),
    (UnknownModelError, "model"),
    (ModelSettingError, "model_options"),
    (WeightsError, "pretrained"),
    (OptimizerError, "recipe.optimizer"),
)


def preview(emit: Emit, trials: list[Trial]) -> None:
    """Plan every trial; emit ``("planned", Planned)`` for each, in order.

    Raises
    ------
    SuiteError
        A model, task, data's name, method, setting or budget that cannot be; all in one message.
    """
    networks = _Networks()
    for_each(trials, lambda trial: emit("planned", plan_trial(trial, lambda method: networks.plan(trial, method))[0]))


def preview_settings(emit: Emit, trials: list[Trial]) -> None:
    """Plan the trials of records, also of records from elsewhere; emit ``("planned", Planned)`` for each, in order.

    It reads no weights, and imports no plugin that a record names: whoever calls says which. A trial that cannot be
    planned so has a ``problem`` that says why.
    """
    networks = _Networks()

    def make_plan(trial: Trial, method: Method) -> Plan:
        if _reads_weights(trial, method):
            raise WeightsNeeded("settings are read off the weights, which records do not hold")
        return networks.plan(trial, method)

    for trial in trials:
        bare = trial.model_copy(update={"pretrained": False, "baseline": None})
        configure_trial(bare, compiles=False)
        try:
            planned, _ = plan_trial(bare, functools.partial(make_plan, bare))
        except Exception as error:  # of anyone's settings, for data or a model that may not be at hand
            problem = " ".join(f"{type(error).__name__}: {error}".split())
            planned = Planned(method=_unusable(bare), problem=problem, made="unknown")
        emit("planned", planned)


def for_each(trials: Iterable[Trial], look: Callable[[Trial], None]) -> None:
    """Look at every trial; this process has imported their plugins.

    Raises
    ------
    SuiteError
        What the user can put right in any of them; each problem once.
    """
    problems: dict[str, str] = {}
    for trial in trials:
        configure_trial(trial, compiles=False)
        try:
            for recipe in (trial.recipe, *((trial.baseline.recipe,) if trial.baseline else ())):
                require_optimizer(recipe)
            look(trial)
        except Exception as error:
            if not is_user_error(error):
                raise
            problems.setdefault(str(error), trial.where(_key_of(error)))
    if problems:
        raise SuiteError("\n".join(f"{where}: {problem}" for problem, where in problems.items()))


def _key_of(error: Exception) -> str | None:
    """Return the key of an entry that an error is about; None where that is the method."""
    return next((key for kind, key in KEYS if isinstance(error, kind)), None)


def plan_trial(trial: Trial, make_plan: Callable[[Method], Plan]) -> tuple[Planned, Method | None]:
    """Return what a trial's plan comes to, and its method, None where that cannot even be made."""
    try:
        method = create_trial_method(trial)
        create_trial_overrides(trial)
    except Exception as error:
        return Planned(method=_unusable(trial), problem=_described(error), made="not"), None
    info = _describe_method(trial, method)
    try:
        plan = make_plan(method)
    except WeightsNeeded as error:
        return Planned(method=info, problem=str(error), made="unknown"), method
    except Exception as error:
        return Planned(method=info, problem=_described(error), made="not"), method
    if not trial.is_dense and not plan.groups:
        return Planned(method=info, problem=why_nothing(plan), made="not"), method
    return Planned(method=info, size=plan_size(plan), made="nearest" if plan.note else "as asked"), method


class WeightsNeeded(RuntimeError):
    """A plan depends on weights that are yet to be trained."""


@dataclass
class _Networks:
    """Models without memory for their weights, traced, and plans for them: trials share both."""

    traced: dict[str, TracedModel] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    weights: set[tuple[str, bool | str]] = field(default_factory=set)

    def plan(self, trial: Trial, method: Method) -> Plan:
        """Return the trial's plan; with real weights only where a method reads settings off them."""
        network = repr((trial.model, trial.model_options, trial.task, trial.data, trial.task_options, trial.layers))
        if network not in self.traced:
            outline = outline_trial_task(trial)
            options = {**outline.model_kwargs, **trial.model_options}
            self.traced[network] = trace_model(trial.model, options, outline.example_shape, trial.layers)
        shape, weights = self.traced[network], trial.resolved_pretrained()
        if (network, weights) not in self.weights and isinstance(weights, str) and Path(weights).is_file():
            require_usable(shape.model, weights)
            self.weights.add((network, weights))
        if _reads_weights(trial, method):
            if trial.method.allocate == "sensitivity":
                raise WeightsNeeded("sensitivities are measured on the training data: 'run' measures them, then plans")
            if trial.baseline is not None:
                raise WeightsNeeded("settings are read off the weights of the baseline: 'run' trains it, then plans")
            model = create_trial_model(trial, outline_trial_task(trial).model_kwargs)
            return _plan(trial, method, model, shape)
        key = repr((network, trial.split, trial.method, trial.budget))  # whatever the seed
        if key not in self.plans:
            self.plans[key] = _plan(trial, method, shape.model, shape)
        return self.plans[key]


def _plan(trial: Trial, method: Method, model: nn.Module, shape: TracedModel) -> Plan:
    """Return the trial's plan for a model of a traced shape."""
    about = {"layers": trial.layers, "split": trial.split}
    return plan_choice(trial.method, method, model, shape.example, trial.budget, shape.traced, **about)


def _reads_weights(trial: Trial, method: Method) -> bool:
    if trial.shares_out:
        return True
    changed = [
        own if isinstance(own, Method) else method.with_settings(**own)
        for own in create_trial_overrides(trial).values()
        if own is not None
    ]
    return any(one.reads_weights for one in (method, *changed))


def _describe_method(trial: Trial, method: Method) -> MethodInfo:
    settings = method.settings()
    if trial.budget is not None and (knob := method.budget_knob()) is not None:
        del settings[knob.field]  # the budget sets it, layer by layer: see Size.knob
    return MethodInfo(
        name=method.name,
        label=trial.method.row,
        version=method.version,
        kind=method.kind,
        paper=method.paper,
        summary=method.summary(),
        settings=settings,
    )


def _unusable(trial: Trial) -> MethodInfo:
    """Return what can be said of a method that cannot be made."""
    return MethodInfo(
        name=trial.method.name,
        label=trial.method.row,
        version=0,
        kind="unknown",
        paper="",
        summary="",
        settings=trial.method.settings,
    )


def _described(error: Exception) -> str:
    """Return a fault of a method's in a line; what the user can put right is raised again."""
    if is_user_error(error):
        raise error
    return f"{type(error).__name__}: {error}"
