"""Run the trials of a suite that have no record yet, one at a time, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...common.files import require_writable
from ..base.cache import remove_checkpoint
from ..base.errors import BenchError
from ..base.machine import describe_machine, write_machine
from ..base.process import Outcome, run_in_process
from ..base.text import counted
from ..planning.forecast import Checked, Planned
from ..records.asked import AskedTrial
from ..records.record import FINAL, Measured, Record
from ..records.store import RecordStore, describe_damages
from ..suite.needs import left_out
from ..suite.schema import Suite
from ..suite.trial import Trial, expand, matching
from .baselines import Failures, train_baselines
from .decisions import Decision, Redo, decide, made_with
from .kept_models import model_file
from .progress import Progress
from .watched import Watched


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
    keep_models: Path | None = None,
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
    keep_models
        Folder for the finished models of the trials that run, see :mod:`.kept_models`.

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
        for line in left_out(suite):
            progress.note(line)
        progress.note(f"checking {len(trials)} trials")
        decisions, records = _decide_on(trials, store, progress, redo)
        known = {(record.key, record.name): record for record in records}
        todo = [decision for decision in decisions if decision.runs]
        if keep_models is not None:
            _require_place_for_models(keep_models, decisions, progress)
        interrupted, new = False, 0
        progress.begin([one.trial for one in todo], len(trials), known.values())
        try:
            for one in todo if redo else ():
                remove_checkpoint(one.key)
            failures = train_baselines([(one.trial, one.checked) for one in todo], progress)
            for one in todo:
                keep = keep_models and model_file(keep_models, one.trial.name, one.key)
                record = run_trial(one.trial, one.checked, one.key, machine["id"], progress, failures, keep)
                store.append(record)
                if record.status in FINAL:
                    remove_checkpoint(record.key)
                known[record.key, record.name] = record
                new += 1
                progress.trial_ends(record)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            progress.end()
    asked = [(one.key, one.trial.name) for one in decisions]
    found = [known[place] for place in asked if place in known]
    return RunResult(found, new, len(trials), store.path, machine_path, interrupted)


def _require_place_for_models(folder: Path, decisions: Sequence[Decision], progress: Progress) -> None:
    """Make the folder for models; tell of how many trials there is a record and no model."""
    try:
        require_writable(folder)
    except OSError as error:
        raise BenchError(f"models cannot be kept in {folder}: {error.strerror or error}") from None
    done = [one for one in decisions if not one.runs and not model_file(folder, one.trial.name, one.key).is_file()]
    if done:
        progress.note(
            f"{counted(len(done), 'trial')} done before left no model in {folder}: --redo all makes them anew"
        )


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
    store = RecordStore(results / suite.name / describe_machine()["id"])
    return _decide_on(trials, store, progress, redo)[0]


def _decide_on(
    trials: Sequence[Trial], store: RecordStore, progress: Progress, redo: Redo | None
) -> tuple[list[Decision], list[Record]]:
    """Return the decision on each trial, and the records that it goes by; lines that cannot be read are told."""
    checked = survey_trials(trials, progress)
    records, damages = store.read()
    for line in describe_damages(damages):
        progress.note(line)
    return decide(trials, checked, records, redo), records


def survey_trials(trials: Sequence[Trial], progress: Progress) -> list[Checked]:
    """Check all trials of a suite in one process of its own and return what is known of each beforehand.

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
    outcome = run_in_process(
        ".running.preflight:survey",
        (list(trials),),
        on_event,
        plugins=trials[0].needed_plugins,
        on_wait=progress.wait,
    )
    _require_all(trials, checked, outcome)
    return checked


def preview_trials(trials: Sequence[Trial]) -> list[Planned]:
    """Plan all trials of a suite in one process of its own; their data and weights need not be on this machine.

    Raises
    ------
    BenchError
        As for ``survey_trials``.
    """
    planned: list[Planned] = []
    outcome = run_in_process(
        ".planning.preview:preview",
        (list(trials),),
        lambda _, one: planned.append(one),
        plugins=trials[0].needed_plugins,
    )
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


def run_trial(
    trial: Trial,
    checked: Checked,
    key: str,
    machine: str,
    progress: Progress,
    failures: Failures | None = None,
    keep: Path | None = None,
) -> Record:
    """Run one trial in a process of its own and return its record, whatever happened.

    One whose baseline is among ``failures`` ends as that did. The finished model is written to the file ``keep``.
    """
    watched = Watched(progress)
    progress.trial_begins(trial)
    started, start = datetime.now(UTC), time.monotonic()
    if failures and checked.baseline in failures:
        status, failure = failures[checked.baseline]
    else:
        seconds = trial.limits.seconds
        arguments = (key, checked.baseline, made_with(checked.provenance), keep)
        status, failure = watched.run(".running.run_trial:execute", trial, *arguments, seconds=seconds)
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
