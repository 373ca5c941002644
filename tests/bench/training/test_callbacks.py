"""The callbacks of a training: what a trial's process emits of it, and how often."""

from __future__ import annotations

import pytest

from decompbench.bench.training import callbacks
from decompbench.bench.training.callbacks import NO_CALLBACKS, report_to


def test_steps_are_told_a_few_times_a_second_and_notes_at_once(monkeypatch):
    events, clock = [], iter([10.0, 10.1, 10.2, 10.3])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    followed = report_to(lambda name, value: events.append((name, value)))
    followed.on_resume(7, 40)
    for step in range(8, 12):
        followed.on_step(2, step, 40, 0.5)
    followed.on_note("slow")
    assert events == [
        ("note", "going on from step 7 of 40"),
        ("step", (8, 40, 0.5)),
        ("step", (11, 40, 0.5)),
        ("note", "slow"),
    ]


def test_without_callbacks_notes_are_warnings():
    with pytest.warns(UserWarning, match="slow"):
        NO_CALLBACKS.on_note("slow")
    NO_CALLBACKS.on_step(1, 1, 1, 0.5)
    NO_CALLBACKS.on_resume(1, 1)
