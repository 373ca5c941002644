"""The callbacks of a training, for whoever follows it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..base.events import Emit

#: Seconds between two reports of a training's progress.
REPORT_SECONDS = 0.25


def _nothing(*_: Any) -> None:
    """Take any arguments and do nothing."""


def _no_numbers(*_: Any) -> dict[str, float]:
    """Take any arguments and return no numbers."""
    return {}


@dataclass(frozen=True)
class Callbacks:
    """Functions that are called as a training goes on. They change nothing about it.

    Attributes
    ----------
    on_step : callable
        Called as ``on_step(epoch, step, steps_total, loss)``, both counted from 1: after every step, on a GPU after
        every 20th.
    on_note : callable
        Called with a text about what does not go as it should; gives a warning by default.
    on_resume : callable
        Called as ``on_resume(step, steps_total)`` where the training goes on from a state that was kept.
    on_epoch : callable
        Called as ``on_epoch(epoch, model)`` at the end of each epoch; the numbers it returns by name stand in that
        epoch's line of the history. It leaves the model as it is.
    """

    on_step: Callable[[int, int, int, float], Any] = _nothing
    on_note: Callable[[str], Any] = warnings.warn
    on_resume: Callable[[int, int], Any] = _nothing
    on_epoch: Callable[[int, nn.Module], dict[str, float]] = _no_numbers


NO_CALLBACKS = Callbacks()
"""Those of a training that nobody follows: what does not go as it should is a warning."""


def report_to(emit: Emit) -> Callbacks:
    """Return callbacks that emit a training's events: ``step`` a few times a second, and ``note``."""
    last = 0.0

    def on_step(epoch: int, step: int, total: int, loss: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_SECONDS:
            last = now
            emit("step", (step, total, loss))

    return Callbacks(
        on_step=on_step,
        on_note=lambda text: emit("note", text),
        on_resume=lambda step, total: emit("note", f"going on from step {step} of {total}"),
    )
