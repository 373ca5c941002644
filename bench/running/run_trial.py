"""Run one trial in this process: load, compress, train, count and time; each result is told at once."""

from __future__ import annotations

import copy
import itertools
import math
import time
from typing import Any

import torch
from torch import distributed, nn

from ...methods import Plan, Session, UnreachableTarget, begin
from ..base.devices import is_first, run_on_devices
from ..base.errors import BenchError
from ..base.events import Emit
from ..base.files import checkpoint_file
from ..measure import PeakMemory, count_model, process_peak, state_sha256, time_deployed
from ..planning.build import (
    configure_trial,
    create_trial_method,
    create_trial_model,
    create_trial_plan,
    create_trial_task,
    import_plugins,
)
from ..planning.choice import plan_size, why_nothing
from ..records.record import Counts, Decomposition, Latency, Quality, StartingWeights, Training
from ..suite.form_name import EAGER, FormError
from ..suite.trial import Trial
from ..training.checkpoint import Checkpoint
from ..training.load_baseline import load_baseline
from ..training.train import Diverged, train
from ..training.watch import report_to


class NothingToDoError(ValueError):
    """The method leaves every layer of the model alone."""


class NotFiniteError(ValueError):
    """The model's quality is not a finite number."""


def execute(emit: Emit, trial: Trial, key: str | None = None, baseline: str | None = None) -> None:
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
    """
    if trial.devices > 1 and not distributed.is_initialized():
        run_on_devices(emit, trial.devices, trial.device, ".running.run_trial:execute", trial, key, baseline)
        return
    try:
        _Execution(emit, trial, key, baseline).run()
    except (UnreachableTarget, NothingToDoError) as error:
        emit("verdict", ("skipped", str(error)))
    except (Diverged, NotFiniteError) as error:
        emit("verdict", ("diverged", str(error)))
    finally:
        emit("measured", ("peak_rss", process_peak()))


class _Execution:
    """The steps of one trial and what they share."""

    def __init__(self, emit: Emit, trial: Trial, key: str | None, baseline: str | None) -> None:
        self.emit = emit
        self.trial = trial
        self.key, self.baseline = key, baseline
        self.quality: dict[str, Quality] = {}
        self.evaluated = ("", Quality())

    def run(self) -> None:
        trial = self.trial
        self.stage("loading")
        self.measured("runtime", configure_trial(trial))
        import_plugins(trial)
        self.task = create_trial_task(trial)
        self.tell_metrics()
        self.example = self.task.example().to(trial.device)
        model = self.load().to(trial.device)
        dense = copy.deepcopy(model)
        self.evaluate("start", model)

        self.stage("planning")
        method = create_trial_method(trial)
        plan = create_trial_plan(trial, method, model, self.example)
        self.measured("plan", plan.to_json())
        self.measured("planned", plan_size(plan))
        if not trial.is_dense and not plan.groups:
            raise NothingToDoError(why_nothing(plan))
        session, begin_seconds = self.begin(model, plan)
        self.train(session, dense)
        if not is_first():
            return  # the others were there to train with
        finished = self.finish(session, begin_seconds)
        self.count(dense, finished, plan)
        self.deploy_and_time(dense, finished)

    def tell_metrics(self) -> None:
        """Record what the quality is measured in; a task of size alone has nothing."""
        if not self.task.metrics:
            return
        metric, *others = self.task.metrics
        self.measured("metric", metric.name)
        self.measured("unit", metric.unit)
        self.measured("higher_is_better", metric.higher_is_better)
        self.measured("also_shown", {other.name: other.unit for other in others if other.shown})

    def load(self) -> nn.Module:
        """Return the dense model with the weights to start from; record where they come from."""
        model = create_trial_model(self.trial, self.task.model_kwargs())
        made: dict[str, Any] = {}
        source = "pretrained" if self.trial.pretrained else "random"
        if self.trial.baseline is not None:
            if self.baseline is None:
                raise BenchError(f"{self.trial.name} starts from a baseline, which is to be trained first")
            made, source = load_baseline(model, self.baseline), "baseline"
        start = StartingWeights(
            source=source,
            sha256=state_sha256(model),
            key=self.baseline,
            recipe=made.get("recipe"),
            quality=made.get("metrics"),
        )
        self.measured("start", start)
        self.started_from = start.sha256
        return model

    def checkpoint(self) -> Checkpoint | None:
        """Return where the training's state is kept; one from other starting weights is another training's."""
        if self.key is None:
            return None
        key = f"{self.key} from {self.started_from}"
        return Checkpoint(checkpoint_file(self.key), key, self.trial.limits.checkpoint_seconds)

    def begin(self, model: nn.Module, plan: Plan) -> tuple[Session, float]:
        """Return the session and the seconds it took to begin; record the quality then."""
        trial = self.trial
        self.stage("compressing")
        start = time.perf_counter()
        # drawn in here where they are looked at, so that the time to compress has it
        samples = plan.calibration_samples
        calibration = self.task.calibration_batches(samples, trial.seed, trial.device) if samples else None
        session = begin(model, plan, seed=trial.seed, calibration=calibration)
        begin_seconds = time.perf_counter() - start
        self.measured("begin_seconds", begin_seconds)
        self.evaluate("begun", session.model)
        return session, begin_seconds

    def train(self, session: Session, teacher: nn.Module) -> None:
        """Train; record what it took and how good the model is."""
        trial = self.trial
        self.stage("training")
        peak = PeakMemory(torch.device(trial.device))
        result = train(
            session.model,
            self.task,
            trial.recipe.with_cycles_of(session.plan.method.training_cycles),
            seed=trial.seed,
            hooks=session,
            teacher=teacher,
            watch=report_to(self.emit),
            checkpoint=self.checkpoint(),
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
        )
        self.measured("training", training)
        self.evaluate("trained", session.model)

    def finish(self, session: Session, begin_seconds: float) -> nn.Module:
        """Return the finished model; record its quality and what it cost to compress."""
        self.stage("finishing")
        start = time.perf_counter()
        finished = session.finish()
        finish_seconds = time.perf_counter() - start
        self.measured("finish_seconds", finish_seconds)
        self.measured("compress_seconds", begin_seconds + finish_seconds)
        self.measured("state_sha256", state_sha256(finished))
        self.evaluate("finished", finished)
        if not self.trial.is_dense:
            at = session.decomposes_at
            before, after = ("start", "begun") if at == "begin" else ("trained", "finished")
            halves = {"before": self.quality[before], "after": self.quality[after]}
            self.measured("decomposition", Decomposition(at=at, **halves))
        return finished

    def count(self, dense: nn.Module, finished: nn.Module, plan: Plan) -> None:
        """Count both models."""
        self.stage("counting")
        for field, model, cost, what in (
            ("dense_counts", dense, plan.before, "dense"),
            ("counts", finished, plan.after, "compressed"),
        ):
            counts: Counts = count_model(
                model,
                self.example,
                planned_weights=cost.weights,
                planned_macs=cost.macs + plan.linear_macs,
                what=what,
            )
            self.measured(field, counts)

    def deploy_and_time(self, dense: nn.Module, finished: nn.Module) -> None:
        """Time the deployed model against the deployed dense one; evaluate what was timed last."""
        measure, device = self.trial.measure, self.trial.device
        results: list[Latency] = []
        refused: list[str] = []
        deployed = finished
        for batch_size, form in itertools.product(measure.batch_sizes, measure.forms):
            self.stage(f"timing at batch {batch_size}" + ("" if form == EAGER else f", {form}"))
            example = self.task.example(batch_size).to(device)
            try:
                latency, deployed = time_deployed(
                    finished, dense, example, form=form, seconds=measure.seconds, half_width=measure.half_width
                )
            except FormError as error:  # the other forms may do
                refused.append(f"not timed at batch {batch_size}: {error}")
                self.emit("note", refused[-1])
                self.measured("latency_notes", list(refused))
                continue
            results.append(latency)
            self.measured("latency", list(results))
        self.evaluate("deployed", deployed)

    def evaluate(self, moment: str, model: nn.Module) -> None:
        """Measure and record the quality at one moment.

        A model that has not changed since the last moment has that one's quality. One whose final quality is not
        a number has diverged, wherever that happened.
        """
        if not self.task.metrics:
            self.quality[moment] = {}
        if not self.task.metrics or not is_first():
            return
        self.stage(f"evaluating ({moment})")
        identity = f"{model} {state_sha256(model)}"
        if identity != self.evaluated[0]:
            values = self.task.evaluate(model)
            finite = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
            self.evaluated = (identity, finite)
        finite = self.evaluated[1]
        self.quality[moment] = finite
        self.measured("quality", dict(self.quality))
        if moment in ("finished", "deployed") and finite[self.task.metrics[0].name] is None:
            raise NotFiniteError(f"the {moment} model's {self.task.metrics[0].name} is not a finite number")

    def stage(self, text: str) -> None:
        self.emit("stage", text)

    def measured(self, field: str, value: Any) -> None:
        self.emit("measured", (field, value))
