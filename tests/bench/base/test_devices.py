"""Devices: several processes train as one would alone, one of them tells what it finds, and none is left behind."""

from __future__ import annotations

import math
import os
import signal

import psutil
import pytest
import torch
from process_functions import train_together

from decompbench.bench.base.devices import run_on_devices
from decompbench.bench.base.errors import BenchError
from decompbench.bench.base.process import run_in_process
from decompbench.bench.base.runtime import device_name

from ..factories import is_gone, wait_for


def test_two_processes_train_as_one_does(tmp_path):
    alone, together = [], []
    train_together(lambda *event: alone.append(event), tmp_path / "alone")
    run_on_devices(
        lambda *event: together.append(event), 2, "cpu", "process_functions:train_together", tmp_path / "together"
    )
    assert [name for name, _ in together] == [name for name, _ in alone]
    assert [name for name, _ in alone] == ["plain", "parts, average", "again", "diverged"]
    for (name, first), (_, second) in zip(alone[:3], together[:3], strict=True):
        for key in first[0]:
            torch.testing.assert_close(torch.tensor(first[0][key]), torch.tensor(second[0][key]), msg=f"{name}: {key}")
        for line, other in zip(first[1], second[1], strict=True):
            assert line["loss"] == pytest.approx(other["loss"], rel=1e-4)
            assert line["penalty"] == pytest.approx(other["penalty"], rel=1e-4)
    for events in (alone, together):
        found = dict(events)
        assert found["again"][0] == found["plain"][0]  # bit for bit, on two processes too
        assert found["parts, average"][0] != found["plain"][0]


def test_shared_filters_with_indices_of_16_bits_train_together():
    """DistributedDataParallel sends buffers around, which gloo and NCCL cannot do with this type."""
    events = {}
    run_on_devices(events.__setitem__, 2, "cpu", "process_functions:train_indices_together", 300)
    assert "torch.int16" in events["types"]
    assert events["indices are kept"]
    assert math.isfinite(events["loss"])


def test_one_that_fails_takes_the_others_along_and_says_why():
    with pytest.raises(RuntimeError, match="KeyError: 'of the second'"):
        run_on_devices(lambda *event: None, 2, "cpu", "process_functions:fail_in_second")


def test_they_end_with_the_process_they_belong_to(tmp_path):
    pids = []

    def on_event(name, value):
        pids.extend(value)
        os.kill(psutil.Process(value[0]).ppid(), signal.SIGKILL)

    outcome = run_in_process("process_functions:end_alone", (tmp_path,), on_event)
    assert outcome.how == "died"
    assert len(pids) == 2
    wait_for(lambda: all(is_gone(pid) for pid in pids))


def test_more_gpus_than_there_are_is_said():
    with pytest.raises(BenchError, match="torch finds"):
        device_name("cuda", torch.cuda.device_count() + 1)
