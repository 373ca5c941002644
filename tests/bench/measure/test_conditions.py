"""Conditions: what makes times noisy is seen, and nothing else is."""

import types

import pytest

from decompbench.bench.base.machine import core_seconds, load
from decompbench.bench.measure import conditions
from decompbench.bench.measure.conditions import Conditions, Watch


@pytest.mark.parametrize(
    ("found", "noise", "word"),
    [
        (Conditions(), [], None),
        (Conditions(other_load=0.2, steal=0.01, mhz=(2900, 3000)), [], None),
        (Conditions(other_load=1.5), ["load"], "1.5 cores"),
        (Conditions(steal=0.5), ["steal"], "0.50 cores"),
        (Conditions(mhz=(2000, 3000)), ["clock"], "2000 and 3000 MHz"),
        (Conditions(throttled=3), ["throttled"], "3 times"),
        (Conditions(other_load=1.0, throttled=1), ["load", "throttled"], "quota"),
    ],
)
def test_noise_and_its_words(found, noise, word):
    assert found.noise == noise
    assert len(found.describe()) == len(noise)
    assert word is None or any(word in text for text in found.describe())


def test_a_watch_takes_differences_and_leaves_this_process_out(monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(conditions.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(conditions.time, "process_time", iter([1.0, 6.0]).__next__)
    seen = iter([(100.0, 3.0), (120.0, 4.0)])
    monkeypatch.setattr(conditions, "core_seconds", lambda cores: next(seen))
    throttled = iter([7.0, 9.0])
    monkeypatch.setattr(conditions, "throttle_count", lambda cores: next(throttled))
    clocks = iter([3000.0, 2000.0])
    monkeypatch.setattr(conditions, "clock_mhz", lambda cores: next(clocks))
    watch = Watch()
    watch.look()
    watch.look()
    found = watch.conditions()
    assert (found.other_load, found.steal, found.mhz, found.throttled) == (1.5, 0.1, (2000.0, 3000.0), 2)


def test_too_short_a_time_says_nothing_about_load(monkeypatch):
    monkeypatch.setattr(conditions.time, "perf_counter", iter([0.0, 0.05]).__next__)
    assert Watch().conditions().other_load is None


def test_only_cores_that_threads_are_held_to_and_their_siblings_are_watched(monkeypatch):
    monkeypatch.setattr(conditions, "siblings", lambda core: (core % 4, core % 4 + 4))  # 0 and 4 are one physical core
    times = [types.SimpleNamespace(user=float(core), system=0.5, nice=0.0, steal=core / 100) for core in range(8)]
    monkeypatch.setattr(load.psutil, "cpu_times", lambda percpu: times)
    asked = []
    monkeypatch.setattr(conditions, "core_seconds", lambda cores: asked.append(tuple(cores)) or core_seconds(cores))
    Watch((1, 2))
    assert asked == [(1, 2, 5, 6)]
    assert core_seconds(asked[0]) == pytest.approx((14 + 2, 0.14))
    assert core_seconds() == pytest.approx((28 + 4, 0.28))


def test_cores_that_the_system_does_not_list_leave_the_whole_machine(monkeypatch):
    monkeypatch.setattr(load.psutil, "cpu_times", lambda percpu: [types.SimpleNamespace(user=1.0, system=0.0)] * 2)
    assert core_seconds((5,)) == (2.0, 0.0)


def test_throttling_is_read_from_heat_counters_once_a_physical_core_and_from_the_quotas(tmp_path, monkeypatch):
    for core in range(4):
        folder = tmp_path / f"cpu{core}" / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(f"{2 + core % 2}\n")
    monkeypatch.setattr(conditions, "CPUS", tmp_path)
    monkeypatch.setattr(conditions, "throttled_periods", lambda: 5)
    monkeypatch.setattr(conditions, "siblings", lambda core: (core % 2, core % 2 + 2))  # 0 and 2 are one physical core
    assert conditions.throttle_count() == 5 + 2 + 3
    assert conditions.throttle_count((1, 3)) == 5 + 3


def test_clock_is_the_mean_of_the_cores_or_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(conditions, "CPUS", tmp_path)
    assert conditions.clock_mhz() is None
    for core, kilohertz in enumerate((2_000_000, 3_000_000)):
        folder = tmp_path / f"cpu{core}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{kilohertz}\n")
    assert conditions.clock_mhz() == 2500
    assert conditions.clock_mhz((1,)) == 3000
