"""A watched process: one that runs a trial or trains a baseline, followed to its end within the trial's limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..base.process import Outcome, run_in_process
from ..records.record import Failure, Status
from ..suite.trial import Trial
from .progress import Progress


@dataclass
class Watched:
    """Runs a trial's process and collects what it tells."""

    progress: Progress
    measured: dict[str, Any] = field(default_factory=dict)
    verdict: tuple[Status, str] | None = None
    stage: str = "starting"
    since: float = field(default_factory=time.monotonic)
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def run(self, function: str, trial: Trial, *others: Any, seconds: float) -> tuple[Status, Failure | None]:
        """Call ``function(emit, trial, *others)`` in a process within the trial's limits; return how that ended."""
        outcome = run_in_process(
            function,
            (trial, *others),
            self.on_event,
            plugins=trial.needed_plugins,
            seconds=seconds,
            memory=int(trial.limits.memory),
            on_wait=self.progress.wait,
            family=trial.devices > 1,
        )
        return self.conclude(outcome)

    def on_event(self, name: str, value: Any) -> None:
        if name == "measured":
            self.measured[value[0]] = value[1]
        elif name == "verdict":
            self.verdict = value
        elif name == "note":
            self.progress.note(f"  {value}")
        elif name == "stage":
            self.enter(value)
            self.progress.stage(value)
        elif name == "step":
            self.progress.step(*value)

    def enter(self, stage: str) -> None:
        """Begin another stage; the time since the last change is the old one's."""
        now = time.monotonic()
        self.stage_seconds[self.stage] = self.stage_seconds.get(self.stage, 0.0) + now - self.since
        self.stage, self.since = stage, now

    def conclude(self, outcome: Outcome) -> tuple[Status, Failure | None]:
        """Return the trial's status and, where it is not ok, why."""
        if outcome.how == "ok" and self.verdict is None:
            return "ok", None
        if outcome.how == "ok" and self.verdict is not None:
            status, message = self.verdict
            return status, Failure(type=status, message=message, stage=self.stage)
        status: Status = outcome.how if outcome.how in ("timeout", "oom") else "failed"
        return status, Failure(
            type=outcome.type,
            message=outcome.message,
            trace=outcome.trace,
            output=outcome.output,
            stage=self.stage,
        )
