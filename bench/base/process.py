"""Processes with limits: a function runs in one of its own, within time and memory; how it ended is returned.

The processes come from a fork server that has imported torch and our packages once: starting one is cheap. A
process ends by itself when the one that asked for it is gone. It does not listen to Ctrl-C: its parent does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

import psutil

from ...common.plugins import Plugins, load_all, loaded
from .errors import is_user_error
from .machine import NOTABLE_LOAD, OtherLoad

#: The package that a leading dot stands for in ``.module:name``.
BENCH = __name__.rpartition(".base.")[0]
#: Imported by the fork server before the first process is started: what trials need, or planning alone.
PRELOAD = [f"{BENCH}.running.preload"]
PLANNING = [f"{BENCH}.planning.preview"]
#: Seconds between two looks at the process's memory and time.
WATCH_SECONDS = 0.25
#: Seconds a process that has said its last word may take to end.
GRACE_SECONDS = 5.0
#: How much of a traceback, and of what was printed, is kept.
TRACE_LINES, OUTPUT_LINES = 30, 20

OnEvent = Callable[[str, Any], None]
HowItEnded = Literal["ok", "raised", "timeout", "oom", "died"]


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes
    ----------
    how
        ``ok``, ``raised`` (an exception), ``timeout``, ``oom`` (too much memory) or ``died`` (anything else).
    type, message, trace
        Of the exception, or of what ended the process.
    user_error
        Whether the exception was one of ours for bad input.
    output
        The last lines printed.
    """

    how: HowItEnded
    type: str = ""
    message: str = ""
    trace: str = ""
    user_error: bool = False
    output: str = ""


def start_server(preload: list[str] | None = None) -> None:
    """Start the fork server now, if there is none: it imports while this process goes on.

    Parameters
    ----------
    preload
        The modules that it imports; what trials need if None.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD if preload is None else preload)
    with _interrupts_deferred():
        resource_tracker.ensure_running()  # which unblocks the signal when it starts
        # The server inherits what is blocked: only this process is to answer Ctrl-C.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_server() -> None:
    """Kill the fork server and what it started, so that an interrupted program is gone at once.

    Left alone it would end by itself, but only when its imports are done, with our standard output open until then.
    """
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                child.suspend()  # a stopped server forks no more: those listed are all there will be
                _wait_until(child, psutil.STATUS_STOPPED)
                for one in (*child.children(recursive=True), child):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
                # not reaped, which is multiprocessing's to do
                _wait_until(child, psutil.STATUS_ZOMBIE)


def _wait_until(process: psutil.Process, status: str) -> None:
    """Wait until a process has been stopped or killed by the signal just sent."""
    end = time.monotonic() + GRACE_SECONDS
    while process.status() not in (status, psutil.STATUS_ZOMBIE) and time.monotonic() < end:
        time.sleep(0.001)


def run_in_process(
    function: str,
    arguments: tuple[Any, ...],
    on_event: OnEvent,
    *,
    plugins: Plugins | None = None,
    seconds: float | None = None,
    memory: int | None = None,
    on_wait: Callable[[], None] = lambda: None,
    family: bool = False,
) -> Outcome:
    """Call ``function(emit, *arguments)`` in a process of its own and wait for it.

    Parameters
    ----------
    function
        ``module:name``, a leading dot standing for ``decompbench.bench``: imported there, so that this process need
        not have torch. What it finds out it hands over by ``emit(name, value)``, as it goes. Between
        ``emit("waiting", True)`` and ``emit("waiting", False)`` no time counts, and it starts anew then.
    arguments
        Anything that can be pickled.
    on_event
        Called here with each ``(name, value)`` but ``waiting``.
    plugins
        Imported there first, after those that this process has imported first.
    seconds, memory
        Limits: wall-clock time in s, resident memory in bytes. No limit if None.
    on_wait
        Called here again and again while the process runs, whether or not it has said something.
    family
        Whether the memory of processes that it starts is counted with its own.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C. The process is gone then, and the fork server with it.
    """
    with _server_ended_by_interrupt():
        start_server()
        context = multiprocessing.get_context("forkserver")
        receiver, sender = context.Pipe(duplex=False)
        with tempfile.TemporaryDirectory(prefix="decompbench-") as folder, receiver:
            output = Path(folder) / "output.txt"
            first = (*loaded(), *filter(None, (plugins,)))
            process = context.Process(target=_main, args=(sender, str(output), function, arguments, first))
            try:
                _start(process)
                sender.close()
                outcome = _watch(process, receiver, on_event, seconds, memory, on_wait, family)
            finally:
                _kill(process)
            text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        tail = "\n".join(text.rstrip().splitlines()[-OUTPUT_LINES:])
        return Outcome(**{**outcome.__dict__, "output": tail})


def _start(process: Any) -> None:
    """Start a process; an interrupt meanwhile takes the server down, and with it the process if there is one yet."""
    with _interrupts_deferred(stop_server) as interrupts:
        try:
            process.start()
        except (OSError, EOFError):  # what a server says that was killed
            if not interrupts:
                raise


def _main(
    sender: Connection, output: str, function: str, arguments: tuple[Any, ...], plugins: tuple[Plugins, ...]
) -> None:
    """Body of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _redirect_output(output)
    faulthandler.enable()
    end_with_parent()
    try:
        load_all(plugins)
        call = find_function(function)
        call(lambda name, value: sender.send((name, value)), *arguments)
    except BaseException as error:
        # Whatever it is, the suite must go on: it is told to the parent, which decides what it means.
        trace = "".join(traceback.format_exception(error)).rstrip().splitlines()[-TRACE_LINES:]
        ending = {
            "how": "oom" if _is_out_of_memory(error) else "raised",
            "type": type(error).__name__,
            "message": str(error),
            "trace": "\n".join(trace),
            "user_error": is_user_error(error),
        }
        sender.send(("raised", ending))
    else:
        sender.send(("finished", None))


def _watch(
    process: Any,
    receiver: Connection,
    on_event: OnEvent,
    seconds: float | None,
    memory: int | None,
    on_wait: Callable[[], None],
    family: bool,
) -> Outcome:
    """Follow a process to its end; the caller makes sure that it is gone."""
    start, waiting = time.monotonic(), False
    load = OtherLoad(process.pid)
    while True:
        on_wait()
        ready = wait([receiver, process.sentinel], timeout=WATCH_SECONDS)
        if receiver in ready:
            try:
                name, value = receiver.recv()
            except EOFError:
                return _death(process)
            if name == "finished":
                process.join(GRACE_SECONDS)
                return Outcome("ok")
            if name == "raised":
                process.join(GRACE_SECONDS)
                return Outcome(**value)
            if name == "waiting":
                start, waiting = time.monotonic(), value
            else:
                on_event(name, value)
        elif ready:
            return _death(process)
        if seconds is not None and not waiting and time.monotonic() - start > seconds:
            return Outcome("timeout", "Timeout", f"ended after {seconds:g} s, its time limit{_load_hint(load)}")
        if memory is not None and (used := _resident(process.pid, family)) > memory:
            message = f"ended at {used / 2**30:.2f} GiB of memory; its limit is {memory / 2**30:.2f} GiB"
            return Outcome("oom", "MemoryLimit", message)


def _load_hint(load: OtherLoad) -> str:
    """Say that other processes took much of the machine, where they did."""
    cores = load.cores()
    if cores is None or cores < NOTABLE_LOAD:
        return ""
    return (
        f"; other processes kept {cores:.1f} of the machine's {psutil.cpu_count()} cores busy meanwhile: "
        "run it when they have ended, or raise limits: {seconds: ...} in the suite"
    )


def _death(process: Any) -> Outcome:
    """Say how a process ended that did not say so itself."""
    process.join(GRACE_SECONDS)
    code = process.exitcode
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        message = f"killed by signal {-code} ({name})"
        if -code == signal.SIGKILL:
            message += "; the system does this when memory runs out"
        return Outcome("died", "Killed", message)
    return Outcome("died", "Exited", f"the process ended with exit code {code} and without a result")


def _kill(process: Any) -> None:
    """End a process and what it started."""
    if process.is_alive():
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        process.join()
    process.close()


def _resident(pid: int, family: bool) -> int:
    """Return the resident memory of a process, and of those it started, in bytes; 0 if it is gone."""
    try:
        process = psutil.Process(pid)
        used = [one.memory_info().rss for one in (process, *(process.children(recursive=True) if family else ()))]
    except psutil.NoSuchProcess:
        return 0
    return sum(used)


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell a failed allocation from other errors; torch raises a RuntimeError for it on the CPU."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def _redirect_output(path: str) -> None:
    """Send what is printed, by Python or by a library, to a file: the terminal belongs to the parent."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(descriptor, number)
        if isinstance(stream, io.TextIOWrapper):  # whatever the terminal has: the file is ours
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    os.close(descriptor)


def find_function(name: str) -> Callable[..., Any]:
    """Return the function called ``module:name``; a leading dot stands for ``decompbench.bench``."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module, BENCH), attribute)


def end_with_parent() -> None:
    """Have this process end once the one that started it is gone, however that one ended.

    A thread waits for it: a signal sent by the system would be lost where the fork server has it blocked or ignored.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _server_ended_by_interrupt() -> Iterator[None]:
    """Take the fork server down where an interrupt ends the block, even one that comes while a process is killed."""
    try:
        yield
    except KeyboardInterrupt:
        stop_server()
        raise


@contextlib.contextmanager
def _interrupts_deferred(at_once: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Call ``at_once`` when an interrupt comes in the block, and raise it at the end of the block.

    Ignoring the signal meanwhile would lose it, and blocking it would let another thread of a library take it. Outside
    the main thread, which alone gets interrupts, nothing is done.

    Yields
    ------
    list of int
        The interrupts so far.
    """
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def interrupt(number: int, _: Any) -> None:
        interrupts.append(number)
        at_once()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
