"""A trial, run in this process: load, compress, train, count and time. Each result is emitted at once."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ...methods import Plan, Session, UnreachableTarget, begin
from ..base.cache import checkpoint_file
from ..base.devices import is_first, run_on_devices
from ..base.errors import BenchError
from ..base.events import Emit
from ..measure import PeakMemory, count_model, process_peak, state_sha256, time_deployed
from ..measure.curves import measure_curves
from ..measure.quality import Examiner, NotFiniteError
from ..planning.build import (
    configure_trial,
    create_trial_method,
    create_trial_model,
    create_trial_plan,
    create_trial_task,
)
from ..planning.choice import plan_size, why_nothing
from ..records.record import Decomposition, Latency, Moment, Spectrum, StartingWeights, Training
from ..suite.form_name import EAGER, FormError
from ..suite.trial import Trial
from ..tasks import Task
from ..training.callbacks import Callbacks, report_to
from ..training.checkpoint import Checkpoint
from ..training.load_baseline import load_baseline
from ..training.train import Diverged, train
from .kept_models import keep_model


class NothingToDoError(ValueError):
    """The method leaves every layer of the model alone."""


def execute(
    emit: Emit,
    trial: Trial,
    key: str | None = None,
    baseline: str | None = None,
    made_with: str = "",
    keep: Path | None = None,
) -> None:
    """Run one trial.

    Parameters
    ----------
    emit
        Called with ``("stage", text)``, ``("step", (done, total, loss))``, ``("measured", (field, value))``
        ``("note", text)`` and, where the trial ends early for a reason of its own, ``("verdict", (status, message))``.
    trial
        What to run.
    key
        The trial's key. The state of its training is kept under it in the cache, and it goes on from one that is there;
        None keeps nothing.
    baseline
        Key of the weights in the cache to start from, where the entry has a baseline.
    made_with
        Digest of the provenance. A state that other code or other libraries kept is left aside.
    keep
        File to keep the finished model in; None keeps none.
    """
    if trial.devices > 1 and not distributed.is_initialized():
        arguments = (trial, key, baseline, made_with, keep)
        run_on_devices(emit, trial.devices, trial.device, ".running.run_trial:execute", *arguments)
        return
    try:
        _run(emit, trial, key, baseline, made_with, keep)
    except (UnreachableTarget, NothingToDoError) as error:
        emit("verdict", ("skipped", str(error)))
    except (Diverged, NotFiniteError) as error:
        emit("verdict", ("diverged", str(error)))
    finally:
        emit("measured", ("peak_rss", process_peak()))


def _run(emit: Emit, trial: Trial, key: str | None, baseline: str | None, made_with: str, keep: Path | None) -> None:
    """Take the steps of a trial; of processes that train together all take those up to the training."""
    emit("stage", "loading")
    emit("measured", ("runtime", configure_trial(trial)))
    task = create_trial_task(trial)
    _tell_metrics(emit, task)
    example = task.example().to(trial.device)
    model, start = _load(trial, task, baseline)
    emit("measured", ("start", start))
    model = model.to(trial.device)
    dense = copy.deepcopy(model)
    examiner = Examiner(emit, task)
    loaded = examiner.evaluate("start", model)

    plan = _plan(emit, trial, task, model, example)
    session, begin_seconds = _begin(emit, trial, task, model, plan)
    begun = examiner.evaluate("begun", session.model)
    _train(emit, trial, task, session, dense, _checkpoint(trial, key, start, made_with))
    trained = examiner.evaluate("trained", session.model)
    if not is_first():
        return

    small = _finish(emit, session, begin_seconds)
    if session.plan is not plan:  # training has chosen sizes
        plan = session.plan
        emit("measured", ("plan", plan.to_json()))
        emit("measured", ("planned", plan_size(plan)))
    finished = examiner.evaluate("finished", small)
    if keep is not None:
        emit("note", keep_model(small, keep))
    if not trial.is_dense:
        at = session.decomposes_at
        before, after = (loaded, begun) if at == "begin" else (trained, finished)
        emit("measured", ("decomposition", Decomposition(at=at, before=before, after=after)))
    _count(emit, plan, example, dense, small)
    deployed = _deploy_and_time(emit, trial, task, dense, small)
    examiner.evaluate("deployed", deployed)


def _tell_metrics(emit: Emit, task: Task) -> None:
    """Tell what the quality is measured in; a task of size alone has nothing."""
    if not task.metrics:
        return
    metric, *others = task.metrics
    emit("measured", ("metric", metric.name))
    emit("measured", ("unit", metric.unit))
    emit("measured", ("higher_is_better", metric.higher_is_better))
    emit("measured", ("also_shown", {other.name: other.unit for other in others if other.shown}))


def _load(trial: Trial, task: Task, baseline: str | None) -> tuple[nn.Module, StartingWeights]:
    """Return the dense model with the weights to start from, and where they come from."""
    model = create_trial_model(trial, task.model_kwargs())
    made: dict[str, Any] = {}
    source = "pretrained" if trial.pretrained else "random"
    if trial.baseline is not None:
        if baseline is None:
            raise BenchError(f"{trial.name} starts from a baseline, which is to be trained first")
        made, source = load_baseline(model, baseline), "baseline"
    return model, StartingWeights(
        source=source,
        sha256=state_sha256(model),
        key=baseline,
        recipe=made.get("recipe"),
        quality=made.get("metrics"),
    )


def _plan(emit: Emit, trial: Trial, task: Task, model: nn.Module, example: Tensor) -> Plan:
    """Return the plan; tell it and what it comes to.

    Raises
    ------
    NothingToDoError
        It compresses nothing, and the trial is not that of the dense model.
    """
    emit("stage", "planning")
    plan = create_trial_plan(trial, create_trial_method(trial), model, example, task)
    emit("measured", ("plan", plan.to_json()))
    emit("measured", ("planned", plan_size(plan)))
    if not trial.is_dense and not plan.groups:
        raise NothingToDoError(why_nothing(plan))
    return plan


def _begin(emit: Emit, trial: Trial, task: Task, model: nn.Module, plan: Plan) -> tuple[Session, float]:
    """Return the session and the seconds it took to begin."""
    emit("stage", "compressing")
    start = time.perf_counter()
    # drawn in here where they are looked at, so that the time to compress has it
    samples = plan.calibration_samples
    calibration = task.calibration_batches(samples, trial.seed, trial.device) if samples else None
    session = begin(model, plan, seed=trial.seed, calibration=calibration)
    seconds = time.perf_counter() - start
    emit("measured", ("begin_seconds", seconds))
    return session, seconds


def _checkpoint(trial: Trial, key: str | None, start: StartingWeights, made_with: str) -> Checkpoint | None:
    """Return where the training's state is kept; one from other starting weights is another training's."""
    if key is None:
        return None
    return Checkpoint(
        checkpoint_file(key), f"{key} from {start.sha256} with {made_with}", trial.limits.checkpoint_seconds
    )


def _train(
    emit: Emit, trial: Trial, task: Task, session: Session, teacher: nn.Module, checkpoint: Checkpoint | None
) -> None:
    """Train the session's model; tell what it took."""
    emit("stage", "training")
    peak = PeakMemory(torch.device(trial.device))
    result = train(
        session.model,
        task,
        trial.recipe.with_cycles_of(session.plan.method.training_cycles),
        seed=trial.seed,
        hooks=session,
        teacher=teacher,
        callbacks=_callbacks(emit, trial, task),
        checkpoint=checkpoint,
    )
    training = Training(
        epochs=result.epochs,
        steps=result.steps,
        seconds=result.seconds,
        history=list(result.history),
        converged=result.converged,
        compiled=result.compiled,
        notes=result.notes,
        memory=peak.use(),
        monitor=[Moment(**moment) for moment in result.monitor],
        spectra=[Spectrum(**spectrum) for spectrum in result.spectra],
    )
    emit("measured", ("training", training))


def _callbacks(emit: Emit, trial: Trial, task: Task) -> Callbacks:
    """Return callbacks that tell how the training goes, and measure its curves where the suite asks for them."""
    callbacks = report_to(emit)
    measures = trial.measure.curves and task.metrics
    return dataclasses.replace(callbacks, on_epoch=measure_curves(task)) if measures else callbacks


def _finish(emit: Emit, session: Session, begin_seconds: float) -> nn.Module:
    """Return the finished model; tell what it took to compress."""
    emit("stage", "finishing")
    start = time.perf_counter()
    small = session.finish()
    seconds = time.perf_counter() - start
    emit("measured", ("finish_seconds", seconds))
    emit("measured", ("compress_seconds", begin_seconds + seconds))
    emit("measured", ("state_sha256", state_sha256(small)))
    return small


def _count(emit: Emit, plan: Plan, example: Tensor, dense: nn.Module, small: nn.Module) -> None:
    """Count both models, each by its formulas in the plan, too."""
    emit("stage", "counting")
    for field, model, cost, macs, what in (
        ("dense_counts", dense, plan.before, plan.macs_before, "dense"),
        ("counts", small, plan.after, plan.macs_after, "compressed"),
    ):
        planned = {"planned_weights": cost.weights, "planned_macs": macs, "layers": plan.scope.layers}
        counts = count_model(model, example, what=what, **planned)
        emit("measured", (field, counts))


def _deploy_and_time(emit: Emit, trial: Trial, task: Task, dense: nn.Module, small: nn.Module) -> nn.Module:
    """Time the deployed model against the deployed dense one; return the one that was timed last."""
    measure = trial.measure
    latencies: list[Latency] = []
    refused: list[str] = []
    deployed = small
    for batch_size, form in itertools.product(measure.batch_sizes, measure.forms):
        emit("stage", f"timing at batch {batch_size}" + ("" if form == EAGER else f", {form}"))
        example = task.example(batch_size).to(trial.device)
        try:
            latency, deployed = time_deployed(
                small, dense, example, form=form, seconds=measure.seconds, half_width=measure.half_width
            )
        except FormError as error:  # the other forms may do
            refused.append(f"not timed at batch {batch_size}: {error}")
            emit("note", refused[-1])
            emit("measured", ("latency_notes", list(refused)))
            continue
        latencies.append(latency)
        emit("measured", ("latency", list(latencies)))
    return deployed
