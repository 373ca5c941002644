"""Run the trials of a suite that have no record yet, one at a time, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..base.cache import baseline_file, remove_checkpoint
from ..base.errors import BenchError
from ..base.machine import describe_machine, write_machine
from ..base.process import Outcome, run_in_process
from ..planning.forecast import Checked, Planned
from ..records.asked import AskedTrial
from ..records.record import FINAL, Failure, Measured, Record, Status
from ..records.store import RecordStore, describe_damages
from ..suite.schema import Suite
from ..suite.trial import Trial, expand, matching
from .decisions import Decision, Redo, decide
from .progress import Progress

#: By key of a baseline that could not be trained, how that ended.
Failures = dict[str | None, tuple[Status, Failure]]


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Attributes
    ----------
    records
        One for each trial asked for, in the suite's order: new ones and those that were there.
    new
        How many of them this run made.
    path, machine_path
        The records file and the description of the machine.
    interrupted
        Whether Ctrl-C ended the run; ``records`` then has what there is.
    total
        How many trials were asked for.
    """

    records: list[Record]
    new: int
    total: int
    path: Path
    machine_path: Path
    interrupted: bool = False

    @property
    def retried(self) -> list[Record]:
        """Records of trials that the same run would run again."""
        return [record for record in self.records if record.status not in FINAL]

    @property
    def all_ok(self) -> bool:
        """Whether every trial asked for has a record with status ``ok``."""
        return len(self.records) == self.total and all(record.status == "ok" for record in self.records)


def run_suite(
    suite: Suite,
    results: Path,
    *,
    progress: Progress,
    device: str = "cpu",
    devices: int = 1,
    only: str | None = None,
    redo: Redo | None = None,
) -> RunResult:
    """Run what is missing of a suite.

    Parameters
    ----------
    suite
        The suite.
    results
        Folder of all results; the records go to ``<results>/<suite>/<machine>/records.jsonl``.
    progress
        Told what runs.
    device, devices
        ``cpu``, ``cuda`` or ``cuda:N``; and how many of them train together.
    only
        Run only the trials whose name matches (see :func:`.trial.matching`).
    redo
        Run trials again that are done: ``"outdated"`` those made with other libraries or sources than now, ``"all"``.

    Raises
    ------
    BenchError
        The suite, the results folder or the device cannot be used; or another run uses the folder.
    """
    machine = describe_machine()
    store = RecordStore(results / suite.name / machine["id"])
    trials = matching(expand(suite, device, devices), only)
    store.check(len(trials))
    machine_path = write_machine(results, machine)
    with store.run_lock():
        progress.note(f"checking {len(trials)} trials")
        checked = survey_trials(trials, progress)
        records, damages = store.read()
        for line in describe_damages(damages):
            progress.note(line)
        decisions = decide(trials, checked, records, redo)
        known = {record.key: record for record in records}
        todo = [decision for decision in decisions if decision.runs]
        interrupted, new = False, 0
        progress.begin([one.trial for one in todo], len(trials), known.values())
        try:
            for one in todo if redo else ():
                remove_checkpoint(one.key)
            failures = train_baselines([(one.trial, one.checked) for one in todo], progress)
            for one in todo:
                record = run_trial(one.trial, one.checked, one.key, machine["id"], progress, failures)
                store.append(record)
                if record.status in FINAL:
                    remove_checkpoint(record.key)
                known[record.key] = record
                new += 1
                progress.trial_ends(record)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            progress.end()
    found = [known[one.key] for one in decisions if one.key in known]
    return RunResult(found, new, len(trials), store.path, machine_path, interrupted)


def explain_suite(
    suite: Suite,
    results: Path,
    *,
    progress: Progress,
    device: str = "cpu",
    devices: int = 1,
    only: str | None = None,
    redo: Redo | None = None,
) -> list[Decision]:
    """Return what `run_suite` would do with each trial, and why; parameters and errors are the same."""
    trials = matching(expand(suite, device, devices), only)
    checked = survey_trials(trials, progress)
    records, damages = RecordStore(results / suite.name / describe_machine()["id"]).read()
    for line in describe_damages(damages):
        progress.note(line)
    return decide(trials, checked, records, redo)


def survey_trials(trials: Sequence[Trial], progress: Progress) -> list[Checked]:
    """Check all trials in one process of its own and return what is known of each beforehand.

    Parameters
    ----------
    trials
        The trials, in order.
    progress
        Told how far it is.

    Raises
    ------
    BenchError
        Something in the suite cannot be; the message has all of it. Or the process died.
    """
    checked: list[Checked] = []

    def on_event(name: str, value: Any) -> None:
        if name == "note":
            progress.note(value)
            return
        checked.append(value)
        progress.stage(f"checking, {len(checked)} of {len(trials)} trials done")

    progress.stage("checking")
    outcome = run_in_process(".running.preflight:survey", (list(trials),), on_event, on_wait=progress.wait)
    _require_all(trials, checked, outcome)
    return checked


def preview_trials(trials: Sequence[Trial]) -> list[Planned]:
    """Plan all trials in one process of its own; their data and weights need not be on this machine.

    Raises
    ------
    BenchError
        As for ``survey_trials``.
    """
    planned: list[Planned] = []
    outcome = run_in_process(".planning.preview:preview", (list(trials),), lambda _, one: planned.append(one))
    _require_all(trials, planned, outcome)
    return planned


def _require_all(trials: Sequence[Trial], looked_at: Sequence[Planned], outcome: Outcome) -> None:
    """Refuse to go on where not all trials could be looked at."""
    if outcome.how == "ok":
        return
    if outcome.user_error:
        raise BenchError(outcome.message)
    last = trials[min(len(looked_at), len(trials) - 1)].name
    details = outcome.trace or outcome.output
    raise BenchError(f"checking {last} failed: {outcome.type}: {outcome.message}\n{details}".rstrip())


def train_baselines(todo: Sequence[tuple[Trial, Checked]], progress: Progress) -> Failures:
    """Train the baselines that are missing in the cache, each in a process of its own.

    Returns
    -------
    dict
        By key, status and failure of those that could not be trained.
    """
    failures: Failures = {}
    missing = {
        checked.baseline: trial
        for trial, checked in reversed(todo)
        if checked.baseline is not None and not baseline_file(checked.baseline).exists()
    }
    for key, trial in reversed(missing.items()):
        watched = _Watched(progress)
        progress.baseline_begins(trial)
        seconds = trial.limits.seconds_for_baseline
        status, failure = watched.run(".training.train_baseline:train_trial_baseline", trial, key, seconds=seconds)
        if failure is not None:
            failures[key] = status, failure
            progress.note(f"  {status}: {failure.message}")
    return failures


def run_trial(
    trial: Trial, checked: Checked, key: str, machine: str, progress: Progress, failures: Failures | None = None
) -> Record:
    """Run one trial in a process of its own and return its record, whatever happened.

    One whose baseline is among ``failures`` ends as that did.
    """
    watched = _Watched(progress)
    progress.trial_begins(trial)
    started, start = datetime.now(UTC), time.monotonic()
    if failures and checked.baseline in failures:
        status, failure = failures[checked.baseline]
    else:
        seconds = trial.limits.seconds
        status, failure = watched.run(".running.run_trial:execute", trial, key, checked.baseline, seconds=seconds)
    watched.enter("ended")
    return Record(
        key=key,
        name=trial.name,
        table=trial.table,
        status=status,
        failure=failure,
        trial=AskedTrial.model_validate(trial.model_dump(mode="json")),
        method=checked.method,
        measured=Measured.model_validate(watched.measured),
        stage_seconds=watched.stage_seconds,
        identity=checked.identity,
        provenance=checked.provenance,
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - start,
        machine=machine,
    )


@dataclass
class _Watched:
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
