"""Progress in lines: no long silence, and no flood."""

import io

import pytest
from rich.console import Console

from decompbench.bench.cli.run import _not_ok
from decompbench.bench.running import progress as progress_module
from decompbench.bench.running.progress import LiveProgress, Progress
from decompbench.bench.running.run_suite import RunResult

from ..factories import make_record


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: ``clock[0]`` is the time in s."""
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def lines_of(console):
    return console.file.getvalue().splitlines()


def test_a_silent_stage_is_told_every_half_minute(trials, clock):
    console = Console(file=io.StringIO(), width=200)
    progress = Progress(console)
    progress.begin(trials, len(trials), [])
    progress.trial_begins(trials[0])
    said = len(lines_of(console))
    progress.stage("training")
    for second in range(1, 101):
        clock[0] += 1
        progress.step(second, 400, 0.5)
        progress.wait()
    told = lines_of(console)[said:]
    assert told == [
        "  training, step 30 of 400, loss 0.5 (30 s so far)",
        "  training, step 60 of 400, loss 0.5 (1 min 0 s so far)",
        "  training, step 90 of 400, loss 0.5 (1 min 30 s so far)",
    ]
    progress.stage("timing at batch 1")
    clock[0] += 25
    progress.wait()
    assert lines_of(console)[-1] == "  timing at batch 1 (25 s so far)"


def test_what_is_said_otherwise_counts_as_well(trials, clock):
    console = Console(file=io.StringIO(), width=200)
    progress = Progress(console)
    progress.stage("checking")
    clock[0] += 29
    progress.note("something")
    clock[0] += 29
    progress.wait()
    assert lines_of(console) == ["something"]


def test_a_live_display_has_no_such_lines(trials, clock):
    console = Console(file=io.StringIO(), width=200)
    progress = LiveProgress(console)
    progress.stage("checking")
    clock[0] += 3600
    progress.wait()
    assert console.file.getvalue() == ""


def test_what_the_same_command_retries_is_said_by_state(trials, tmp_path):
    states = ["ok", "timeout", "skipped"]
    records = [make_record(trial, status=state) for trial, state in zip(trials, states, strict=True)]
    result = RunResult(records, 3, 3, tmp_path, tmp_path)
    assert [record.status for record in result.retried] == ["timeout"]
    assert _not_ok(result) == (
        "2 trials not ok; the same command again retries 1 timeout; 1 skipped would end alike (--redo all runs them)"
    )
    done = RunResult([records[0], records[2]], 2, 2, tmp_path, tmp_path)
    assert _not_ok(done) == "1 trial not ok; 1 skipped would end alike (--redo all runs them)"
