"""What spoils times is seen, and only that."""

import types

import pytest

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
    monkeypatch.setattr(conditions, "busy_seconds", iter([100.0, 120.0]).__next__)
    steals = iter([3.0, 4.0])
    monkeypatch.setattr(conditions.psutil, "cpu_times", lambda: types.SimpleNamespace(steal=next(steals)))
    monkeypatch.setattr(conditions, "throttle_count", iter([7.0, 9.0]).__next__)
    monkeypatch.setattr(conditions, "clock_mhz", iter([3000.0, 2000.0]).__next__)
    watch = Watch()
    watch.look()
    watch.look()
    found = watch.conditions()
    assert (found.other_load, found.steal, found.mhz, found.throttled) == (1.5, 0.1, (2000.0, 3000.0), 2)


def test_too_short_a_time_says_nothing_about_load(monkeypatch):
    monkeypatch.setattr(conditions.time, "perf_counter", iter([0.0, 0.05]).__next__)
    assert Watch().conditions().other_load is None


def test_throttling_is_read_from_heat_counters_and_from_the_quotas(tmp_path, monkeypatch):
    for core in (0, 1):
        folder = tmp_path / f"cpu{core}" / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text("2\n")
    stat = tmp_path / "cpu.stat"
    stat.write_text("nr_periods 10\nnr_throttled 5\nthrottled_usec 900\n")
    monkeypatch.setattr(conditions, "CPUS", tmp_path)
    monkeypatch.setattr(conditions, "CGROUP", stat)
    assert conditions.throttle_count() == 9


def test_clock_is_the_mean_of_the_cores_or_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(conditions, "CPUS", tmp_path)
    assert conditions.clock_mhz() is None
    for core, kilohertz in enumerate((2_000_000, 3_000_000)):
        folder = tmp_path / f"cpu{core}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_cur_freq").write_text(f"{kilohertz}\n")
    assert conditions.clock_mhz() == 2500
