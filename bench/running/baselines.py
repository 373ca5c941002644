"""Baselines that trials start from: those missing in the cache are trained before the first trial."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.cache import baseline_file
from ..planning.forecast import Checked
from ..records.record import Failure, Status
from ..suite.trial import Trial
from .progress import Progress
from .watched import Watched

#: By key of a baseline that could not be trained, how that ended.
Failures = dict[str | None, tuple[Status, Failure]]


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
        watched = Watched(progress)
        progress.baseline_begins(trial)
        seconds = trial.limits.seconds_for_baseline
        status, failure = watched.run(".training.train_baseline:train_trial_baseline", trial, key, seconds=seconds)
        if failure is not None:
            failures[key] = status, failure
            progress.note(f"  {status}: {failure.message}")
    return failures
