"""The doctor: each thing that would spoil timings is told with its cure, and nothing else."""

import json
from dataclasses import replace

import pytest

from decompbench.bench.checks import doctor
from decompbench.bench.checks.doctor import DoctorReport, examine, warnings_of

from ..factories import decompbench

GOOD = DoctorReport(
    machine={"physical_cores": 4, "usable_cores": 4},
    torch={"threads": 4, "mkldnn": True, "gpus": [], "forms": {"eager": None}},
    packages={},
    code="0123456789ab",
    environment={},
    system={"governor": "performance", "quota_cores": None, "memory_available": 2**34, "on_battery": False},
    folders={},
    probe={"ratio": 1.0, "low": 0.99, "high": 1.01, "half_width": 0.01, "rounds": 20, "threads": 4, "noise": []},
)


def changed(part, **values):
    return replace(GOOD, **{part: getattr(GOOD, part) | values})


def test_a_good_machine_gets_no_warning():
    assert warnings_of(GOOD) == []


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (changed("torch", threads=8), "8 threads share 4 usable cores"),
        (replace(changed("torch", threads=8), machine={"physical_cores": 4, "usable_cores": 8}), "OMP_NUM_THREADS=4"),
        (changed("torch", mkldnn=False), "no oneDNN"),
        (changed("torch", gpus=[{"name": "GPU X", "memory": 2**36, "used_by_others": 2**31}]), "on GPU 0"),
        (changed("system", governor="powersave"), "'powersave'"),
        (changed("system", quota_cores=1.5), "1.5 of 4 cores"),
        (changed("system", on_battery=True), "battery"),
        (changed("system", memory_available=2**30), "1.0 GiB of memory"),
        (changed("environment", ATEN_CPU_CAPABILITY="default"), "ATEN_CPU_CAPABILITY"),
        (changed("environment", CUDA_LAUNCH_BLOCKING="1"), "CUDA_LAUNCH_BLOCKING"),
        (changed("probe", noise=["other processes keep 2.0 cores busy"]), "2.0 cores busy"),
        (changed("probe", half_width=0.08), "±8.0 %"),
        (changed("probe", low=1.1, high=1.2), "seemed to differ"),
        (replace(GOOD, code="0123456789ab-dirty"), "in no revision"),
        (replace(GOOD, identity="this machine's id cannot be kept (…)"), "cannot be kept"),
    ],
)
def test_each_trouble_is_one_warning(report, words):
    (warning,) = warnings_of(report)
    assert words in warning


def test_this_machine_is_described_and_probed():
    report = examine(0.3)
    assert report.machine["usable_cores"] >= 1
    assert report.torch["forms"]["eager"] is None
    assert report.probe["low"] <= report.probe["ratio"] <= report.probe["high"]
    assert set(report.folders) == {"data", "cache", "results", "reference"}
    assert report.identity is None


@pytest.mark.parametrize(("report", "code"), [(GOOD, 0), (replace(GOOD, code="x-dirty"), 1)])
def test_strict_tells_by_its_exit_code(report, code, monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda seconds: report)
    result = decompbench("doctor", "--json", "--strict")
    assert result.returncode == code
    assert len(json.loads(result.stdout)["warnings"]) == code
    assert decompbench("doctor", "--json").returncode == 0


def test_people_get_sections_and_the_warnings():
    result = decompbench("doctor", "--seconds", "0.2")
    assert result.returncode == 0
    for word in ("machine", "forms", "packages", "two equal models", "cudagraph"):
        assert word in result.stdout
