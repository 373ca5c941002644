"""The quality of a trial's model at its moments: loaded, begun, trained, finished, deployed."""

from __future__ import annotations

import math

from torch import nn

from ..base.devices import is_first
from ..base.events import Emit
from ..records.record import Quality
from ..tasks import Task
from .counts import state_sha256

#: Moments whose model is what the trial was asked for: one without a quality has failed.
FINAL = ("finished", "deployed")


class NotFiniteError(ValueError):
    """The model's quality is not a finite number, nor infinite because it is perfect."""


class Examiner:
    """Evaluates the model of one trial from moment to moment.

    Parameters
    ----------
    emit
        Gets a ``stage`` for each evaluation, and the qualities so far as ``("measured", ("quality", …))``.
    task
        Says what is measured, and measures it.
    """

    def __init__(self, emit: Emit, task: Task) -> None:
        self.emit, self.task = emit, task
        self.qualities: dict[str, Quality] = {}
        self.last_state, self.last_quality = "", Quality()

    def evaluate(self, moment: str, model: nn.Module) -> Quality:
        """Return and emit a model's quality: by metric a number, None where that tells nothing (see ``Metric.tells``).

        A model that has not changed since the last moment has that one's quality. There is none, and nothing is
        emitted, where the task has no metric, or where another process evaluates.

        Raises
        ------
        NotFiniteError
            The main metric of a finished or deployed model is not a finite number: training has diverged, wherever
            that happened.
        """
        if not self.task.metrics or not is_first():
            return Quality()
        self.emit("stage", f"evaluating ({moment})")
        state = f"{model} {state_sha256(model)}"
        if state != self.last_state:
            values = self.task.evaluate(model)
            told = {name: self._told(name, value) for name, value in values.items()}
            self.last_state, self.last_quality = state, told
        self.qualities[moment] = self.last_quality
        self.emit("measured", ("quality", dict(self.qualities)))
        main = self.task.metrics[0].name
        if moment in FINAL and self.last_quality[main] is None:
            raise NotFiniteError(f"the {moment} model's {main} is not a finite number")
        return self.last_quality

    def _told(self, name: str, value: float) -> float | None:
        """Return a metric's value, None where it tells nothing."""
        metric = next((one for one in self.task.metrics if one.name == name), None)
        tells = math.isfinite(value) if metric is None else metric.tells(value)
        return float(value) if tells else None
