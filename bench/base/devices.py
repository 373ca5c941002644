"""A trial or a baseline on several devices of this machine: one process for each, the batches shared among them.

The processes do what ``accelerate launch`` would have them do, but belong to the trial's own process: its limits hold
for them, and they end with it. All of them load and compress alike, and train together. The first one alone evaluates,
times and tells what it finds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import traceback
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing
from torch.multiprocessing.spawn import ProcessContext, ProcessException, start_processes

from ...common.plugins import Plugins, load_all, loaded
from .events import Emit
from .process import end_with_parent, find_function

#: Seconds between two looks at what the first process tells.
LISTEN_SECONDS = 0.2
#: File with the traceback of the process that failed first.
ERROR = "error.txt"
#: How long a device may wait for another: one may still be evaluating.
PATIENCE = timedelta(hours=12)


def run_on_devices(emit: Emit, devices: int, device: str, function: str, *arguments: Any) -> None:
    """Call ``function(emit, *arguments)`` in ``devices`` processes that train as one; hand on what the first emits.

    Parameters
    ----------
    emit
        Gets the first process's events.
    devices
        How many.
    device
        ``cpu``, or ``cuda`` for the first GPUs there are.
    function
        ``module:name``, a leading dot standing for ``decompbench.bench``.
    arguments
        Anything that can be pickled.

    Raises
    ------
    RuntimeError
        One of them failed, with the last line of its traceback; the others are gone then.
    """
    receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="decompbench-") as folder, receiver:
        job = (devices, device, str(Path(folder, "meeting")), sender, function, arguments, loaded())
        processes = start_processes(_main, job, devices, join=False, start_method="spawn")
        sender.close()
        assert processes is not None
        try:
            _listen(processes, receiver, emit)
        except ProcessException as error:
            first = Path(folder, ERROR)
            trace = first.read_text(encoding="utf-8") if first.exists() else str(error)
            raise RuntimeError(trace.strip().splitlines()[-1]) from error
        finally:
            for process in filter(None, processes.processes):
                process.kill()


def _listen(processes: ProcessContext, receiver: Connection, emit: Emit) -> None:
    """Hand on what the first process emits until all have ended."""
    ended = False
    while not ended:
        try:
            ended = processes.join(timeout=LISTEN_SECONDS)
        finally:
            _hand_on(receiver, emit)


def _hand_on(receiver: Connection, emit: Emit) -> None:
    """Emit what has come."""
    with contextlib.suppress(EOFError):  # the other end is closed
        while receiver.poll():
            emit(*receiver.recv())


def _main(
    rank: int,
    devices: int,
    device: str,
    meeting: str,
    sender: Connection,
    function: str,
    arguments: tuple[Any, ...],
    plugins: tuple[Plugins, ...],
) -> None:
    """Body of the process with that rank."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": devices, "LOCAL_WORLD_SIZE": devices}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # or accelerate sets a number of threads of its own
    if device != "cpu":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "gloo" if device == "cpu" else "nccl",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=devices,
        timeout=PATIENCE,
    )
    try:
        load_all(plugins)
        find_function(function)((lambda *event: sender.send(event)) if rank == 0 else (lambda *event: None), *arguments)
    except Exception:
        # The others will fail for want of this one: the first to fail is the one that knows why.
        with contextlib.suppress(FileExistsError), Path(meeting).with_name(ERROR).open("x", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        raise
    finally:
        distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this is the process that evaluates, times and tells: the first, or the only one."""
    return not distributed.is_initialized() or distributed.get_rank() == 0
