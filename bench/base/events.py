"""Events: what the process of a trial or a baseline tells the one that started it, as it goes.

``emit(name, value)`` hands over one of

``("stage", text)``
    What is done now.
``("step", (done, total, loss))``
    How far the training is.
``("measured", (field, value))``
    A field of the record's ``measured``.
``("note", text)``
    What a person should know.
``("verdict", (status, message))``
    The trial ends early, for a reason of its own.
``("waiting", bool)``
    Whether it waits for another process; no time counts meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Emit = Callable[[str, Any], None]

#: Seconds between two reports of a training's progress.
REPORT_SECONDS = 0.25


def step_reporter(emit: Emit) -> Callable[[int, int, int, float], None]:
    """Return what ``train`` is to call: it hands over ``("step", (done, total, loss))`` a few times a second."""
    last = 0.0

    def report(epoch: int, step: int, total: int, loss: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_SECONDS:
            last = now
            emit("step", (step, total, loss))

    return report


def resume_reporter(emit: Emit) -> Callable[[int, int], None]:
    """Return what ``train`` is to call where it goes on from a kept state: it hands over a ``("note", text)``."""
    return lambda step, total: emit("note", f"going on from step {step} of {total}")
