"""Functions that test_process.py has run in processes of their own, each ending in another way."""

import os
import signal
import sys
import time


def count(emit, upto):
    for number in range(upto):
        emit("number", number)


def report_process(emit):
    emit("pid", os.getpid())
    emit("torch", "torch" in sys.modules)
    emit("interrupts", signal.getsignal(signal.SIGINT) == signal.SIG_IGN)


def raise_error(emit):
    print("about to fail")
    emit("stage", "failing")
    raise ZeroDivisionError("nothing left to divide")


def sleep(emit, seconds):
    emit("pid", os.getpid())
    time.sleep(seconds)


def allocate(emit, size):
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)


def fail_to_allocate(emit):
    import torch

    torch.empty(1 << 55, dtype=torch.uint8)


def leave(emit, code):
    os._exit(code)


def crash(emit):
    os.kill(os.getpid(), signal.SIGSEGV)


def start_another(emit):
    import subprocess

    child = subprocess.Popen(["sleep", "60"])
    emit("child", child.pid)
    time.sleep(60)


def execute_and_tell(emit, trial, key):
    from decompbench.bench.execute import execute

    emit("pid", os.getpid())
    execute(emit, trial, key)
