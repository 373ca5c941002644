"""However a process ends, its parent learns how, and nothing is left running."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from decompbench.bench.base import machine, process
from decompbench.bench.base.process import run_in_process
from tests.bench.factories import HERE

from ..factories import wait_for


def run(function, *arguments, **limits):
    events = []
    outcome = run_in_process(
        f"process_functions:{function}", arguments, lambda name, value: events.append((name, value)), **limits
    )
    return outcome, events


def test_hands_over_what_the_function_emits_in_order():
    outcome, events = run("count", 2000)
    assert outcome.how == "ok"
    assert events == [("number", i) for i in range(2000)]


def test_process_has_torch_imported_beforehand_and_does_not_listen_to_interrupts():
    outcome, events = run("report_process")
    assert outcome.how == "ok"
    told = dict(events)
    assert told["torch"]
    assert told["interrupts"]
    assert told["pid"] != os.getpid()


def test_exception_comes_back_with_trace_and_output():
    outcome, events = run("raise_error")
    assert (outcome.how, outcome.type, outcome.message) == (
        "raised",
        "ZeroDivisionError",
        "nothing left to divide",
    )
    assert "raise_error" in outcome.trace
    assert "about to fail" in outcome.output
    assert events == [("stage", "failing")]


def test_time_limit_ends_the_process():
    start = time.monotonic()
    outcome, events = run("sleep", 60, seconds=1.0)
    assert outcome.how == "timeout"
    assert "1 s" in outcome.message
    assert time.monotonic() - start < 20
    assert not psutil.pid_exists(dict(events)["pid"])


def test_time_limit_names_other_processes_that_took_the_machine(monkeypatch):
    seconds = iter(range(0, 10**9, 10**6))  # a machine with a million cores, all busy
    monkeypatch.setattr(machine, "core_seconds", lambda: (next(seconds), 0.0))
    outcome, _ = run("sleep", 60, seconds=0.5)
    assert "cores busy meanwhile" in outcome.message
    assert "limits: {seconds: ...}" in outcome.message
    monkeypatch.setattr(machine, "core_seconds", lambda: (1.0, 0.0))
    outcome, _ = run("sleep", 60, seconds=0.5)
    assert outcome.message == "ended after 0.5 s, its time limit"


def test_caller_is_called_while_the_process_is_silent():
    calls = []
    run("sleep", 60, seconds=1.0, on_wait=lambda: calls.append(1))
    assert len(calls) >= 2


@pytest.mark.parametrize("when", ["starting", "running"])
def test_an_interrupt_takes_the_fork_server_down(tmp_path: Path, when):
    preload = {"starting": "slow_to_import", "running": "process_functions"}[when]
    script = textwrap.dedent(
        f"""
        import os, signal, threading
        import psutil
        from decompbench.bench.base import process
        process.PRELOAD[:] = [{preload!r}]
        if __name__ == "__main__":
            interrupt = lambda *_: os.kill(os.getpid(), signal.SIGINT)
            if {when == "starting"}:
                threading.Timer(0.5, interrupt).start()
            try:
                process.run_in_process("process_functions:sleep", (120,), interrupt)
            except KeyboardInterrupt:
                alive = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
                print("interrupted", [p.pid for p in alive if "forkserver" in " ".join(p.cmdline())])
        """
    )
    (tmp_path / "parent.py").write_text(script)
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(600)")
    folders = [str(tmp_path), str(HERE), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "parent.py")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )
    assert done.stdout == "interrupted []\n", done.stderr


def test_an_interrupt_while_the_server_starts_is_not_lost(monkeypatch):
    start = process.forkserver.ensure_running

    def interrupted_start():
        os.kill(os.getpid(), signal.SIGINT)
        start()

    with monkeypatch.context() as patch:
        patch.setattr(process.forkserver, "ensure_running", interrupted_start)
        with pytest.raises(KeyboardInterrupt):
            run("count", 1)
    assert run("count", 1)[0].how == "ok"


def test_memory_limit_ends_the_process():
    outcome, _ = run("allocate", 2**30, memory=2**29 + 2**28, seconds=60)
    assert outcome.how == "oom", outcome
    assert "0.75 GiB" in outcome.message


def test_failed_allocation_counts_as_out_of_memory():
    outcome, _ = run("fail_to_allocate")
    assert outcome.how == "oom", outcome


def test_processes_started_by_the_process_end_with_it():
    outcome, events = run("start_another", seconds=2.0)
    assert outcome.how == "timeout"
    pid = dict(events)["child"]
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [("leave", (3,), "exit code 3"), ("leave", (0,), "exit code 0"), ("crash", (), "signal 11 (SIGSEGV)")],
)
def test_silent_end_is_told_from_success(function, argument, message):
    outcome, _ = run(function, *argument)
    assert outcome.how == "died"
    assert message in outcome.message


def test_process_ends_when_its_parent_is_killed(tmp_path: Path):
    pid_file = tmp_path / "pid"
    script = textwrap.dedent(
        f"""
        import pathlib, sys
        sys.path.insert(0, {str(HERE)!r})
        from decompbench.bench.base.process import run_in_process
        if __name__ == "__main__":
            write = lambda name, value: pathlib.Path({str(pid_file)!r}).write_text(str(value))
            run_in_process("process_functions:sleep", (120,), write)
        """
    )
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")])
    try:
        pid = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not psutil.pid_exists(pid))


def test_time_spent_waiting_does_not_count():
    outcome, events = run("wait_then_work", 4, 0, seconds=2)
    assert (outcome.how, events) == ("ok", [("stage", "working")])
    outcome, _ = run("wait_then_work", 0, 60, seconds=2)
    assert outcome.how == "timeout"
