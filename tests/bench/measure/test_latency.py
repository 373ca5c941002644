"""Latencies of models whose ratio is known, and how a comparison ends."""

import copy
import itertools
import time

import numpy as np
import pytest
import torch
from torch import nn

from decompbench.bench.measure import compare, time_deployed, timers
from decompbench.bench.measure import latency as latency_module
from decompbench.bench.measure.forms import prepare
from decompbench.bench.measure.latency import compare_calls
from decompbench.models import load_model


class Waiting(nn.Module):
    """A model that takes a known time."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, x):
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
        return x


class Counted:
    """A call that takes a told time and counts itself."""

    def __init__(self, called, took):
        self.called, self.took = called, took

    def __call__(self):
        self.called.append(1)


def waiting(**seconds):
    return {name: Waiting(each) for name, each in seconds.items()}


EXAMPLE = torch.zeros(3, 1)


def test_known_ratios_of_several_models_are_found_and_samples_are_kept_in_rounds(monkeypatch):
    # a clock of our own, which runs slower and slower and has outliers
    generator = np.random.default_rng(0)
    drift = itertools.count(1)

    def taking(seconds):
        return lambda: seconds * (1 + 0.001 * next(drift)) * (1 + generator.exponential(0.05))

    def timer(call, times):
        return sum(call() for _ in range(times))

    monkeypatch.setattr(latency_module, "timer_for", lambda device, cold: timer)
    monkeypatch.setattr(latency_module, "MOST_ROUNDS", 100)
    calls = {"half": taking(0.002), "dense": taking(0.004), "double": taking(0.008)}
    found = compare_calls(calls, torch.device("cpu"), baseline="dense", seconds=60, half_width=0)
    assert found.ratio("half").value == pytest.approx(0.5, rel=0.02)
    assert found.ratio("double").value == pytest.approx(2.0, rel=0.02)
    assert (found.ratio("dense").value, found.ratio("dense").half_width) == (1.0, 0.0)
    for name, least in (("half", 0.002), ("dense", 0.004), ("double", 0.008)):
        timing, ratio = found.timings[name], found.ratio(name)
        assert timing.samples.shape == (found.rounds, 2)
        assert timing.samples.min() >= least
        assert timing.median.low <= timing.median.value <= timing.median.high
        assert ratio.low <= least / 0.004 <= ratio.high


@pytest.fixture
def simulated(monkeypatch):
    """Two models that take 2 ms, give or take 5 %: no clock is looked at."""
    generator = np.random.default_rng(0)
    monkeypatch.setattr(latency_module, "timer_for", lambda device, cold: lambda call, times: times * call())
    monkeypatch.setattr(latency_module.gc, "collect", lambda: None)  # takes longer than all else here
    call = lambda: 0.002 * np.exp(0.05 * generator.standard_normal())  # noqa: E731
    return {"one": call, "other": call}


def test_it_ends_as_soon_as_the_interval_is_narrow_enough(simulated):
    found = compare_calls(simulated, torch.device("cpu"), seconds=60, half_width=0.05)
    assert (found.ended, found.baseline) == ("narrow", "one")
    assert found.rounds < latency_module.MOST_ROUNDS
    assert found.ratio("other").half_width <= 0.05


def test_stopping_when_narrow_leaves_the_interval_what_it_says(simulated):
    found = [compare_calls(simulated, torch.device("cpu"), seconds=60, half_width=0.03) for _ in range(200)]
    assert {one.ended for one in found} == {"narrow"}
    assert len({one.rounds for one in found}) > 2
    assert sum(one.ratio("other").low <= 1 <= one.ratio("other").high for one in found) >= 194


def test_a_model_alone_ends_by_its_medians_interval(simulated):
    del simulated["other"]
    assert compare_calls(simulated, torch.device("cpu"), seconds=60, half_width=0.05).ended == "narrow"


@pytest.mark.parametrize(("milliseconds", "more"), [((5, 5), 1), ((5, 30), 1), ((30, 40), 0)])
def test_a_call_before_each_sample_warms_the_caches_unless_all_calls_are_long(milliseconds, more, monkeypatch):
    timed, called = [], []
    calls = {f"{took} ms {place}": Counted(called, took / 1000) for place, took in enumerate(milliseconds)}
    monkeypatch.setattr(latency_module, "MOST_ROUNDS", 8)

    def timer(call, times):
        timed.append(times)
        for _ in range(times):
            call()
        return times * call.took

    monkeypatch.setattr(latency_module, "timer_for", lambda device, cold: timer)
    found = compare_calls(calls, torch.device("cpu"), seconds=60)
    assert len(called) - sum(timed) == more * 2 * len(calls) * found.rounds


def test_it_ends_when_there_are_more_rounds_than_anyone_needs(monkeypatch):
    monkeypatch.setattr(latency_module, "MOST_ROUNDS", 6)
    found = compare(waiting(one=0.001, other=0.001), EXAMPLE, seconds=30, half_width=1e-9)
    assert (found.ended, found.rounds) == ("rounds", 6)


def test_fast_calls_are_timed_together_each_model_as_often_as_it_needs():
    found = compare({"nothing": nn.Identity(), "slow": Waiting(0.003)}, EXAMPLE, seconds=0.3)
    nothing, slow = found.timings["nothing"], found.timings["slow"]
    assert nothing.calls * nothing.samples.max() > latency_module.SAMPLE_SECONDS / 4
    assert slow.calls == 1 < nothing.calls


def test_every_model_leads_and_follows_alike_often_in_a_round():
    called = []

    class Telling(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            called.append(self.name)
            return Waiting(0.003)(x)

    found = compare({name: Telling(name) for name in "abc"}, EXAMPLE, seconds=0.2)
    # each sample is one call, and another before it that is not timed
    in_rounds = called[-12 * found.rounds :]
    assert in_rounds[::2] == in_rounds[1::2]
    for start in range(0, len(in_rounds), 12):
        there, back = in_rounds[start : start + 6 : 2], in_rounds[start + 6 : start + 12 : 2]
        assert sorted(there) == ["a", "b", "c"]
        assert back == there[::-1]


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ValueError, match="nothing to time"):
        compare({}, EXAMPLE)
    with pytest.raises(ValueError, match="'dense' is not among one"):
        compare(waiting(one=0.001), EXAMPLE, baseline="dense")


def test_threads_are_those_asked_for_and_put_back():
    before = torch.get_num_threads()
    found = compare(waiting(one=0.001), EXAMPLE, seconds=0.1, threads=1)
    assert found.threads == 1
    assert len(found.cores) <= 1
    assert torch.get_num_threads() == before


def test_cold_caches_are_emptied_before_every_call_outside_of_the_time(monkeypatch):
    done = []
    monkeypatch.setattr(timers, "_cache_emptier", lambda device: lambda: done.append("emptied"))
    clock = itertools.count(step=10**9)
    monkeypatch.setattr(timers.time, "perf_counter_ns", lambda: done.append("clock") or next(clock))
    assert timers.timer_for(torch.device("cpu"), cold=True)(lambda: done.append("called"), 3) == 3.0
    assert done == ["emptied", "clock", "called", "clock"] * 3


def test_emptying_the_cache_writes_more_than_it_holds(monkeypatch):
    monkeypatch.setattr(timers, "last_cache_bytes", lambda: 2**20)
    sizes = []
    empty = torch.empty
    monkeypatch.setattr(timers.torch, "empty", lambda size, **kwargs: sizes.append(size) or empty(size, **kwargs))
    timers.timer_for(torch.device("cpu"), cold=True)(lambda: None, 1)
    assert sizes == [2 * 2**20]


def test_two_deployed_models_make_one_entry_of_a_record():
    torch.manual_seed(0)
    dense = load_model("resnet8", in_chans=1, num_classes=10).eval()
    latency, deployed = time_deployed(
        copy.deepcopy(dense), dense, torch.zeros(2, 1, 28, 28), form="channels_last", seconds=0.3, half_width=0.01
    )
    assert (latency.batch_size, latency.form, latency.device) == (2, "channels_last", "cpu")
    assert latency.macs > 0
    assert latency.folded
    assert len(latency.milliseconds) == len(latency.dense_milliseconds)
    assert len(latency.milliseconds) % latency.samples_per_round == 0
    assert latency.ratio_interval[0] <= latency.ratio <= latency.ratio_interval[1]
    assert latency.quartiles[0] <= latency.median <= latency.quartiles[1]
    assert next(deployed.parameters()).is_contiguous(memory_format=torch.channels_last)
    assert latency.memory is not None
    assert latency.memory.peak >= latency.memory.before > 0


@pytest.mark.slow
def test_equal_models_differ_in_no_more_than_5_of_100_comparisons():
    """The interval is one of 99 %: at 95 % half of all such tests would fail."""
    torch.manual_seed(0)
    model = load_model("resnet20").eval()
    pair = {"one": model, "other": copy.deepcopy(model)}
    example = torch.randn(1, 3, 32, 32)
    found = [compare(pair, example, seconds=20, half_width=0.03) for _ in range(100)]
    assert sum(one.ratio("other").low <= 1 <= one.ratio("other").high for one in found) >= 95
    assert all(one.ended == "narrow" and one.ratio("other").half_width <= 0.03 for one in found)


cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@cuda
@pytest.mark.parametrize("form", ["eager", "channels_last+bf16", "cudagraph", "compile"])
def test_on_a_gpu_twice_the_work_takes_longer(form):
    torch.manual_seed(0)
    one = nn.Sequential(*(nn.Conv2d(256, 256, 3, padding=1) for _ in range(4))).cuda().eval()
    two = nn.Sequential(*one, *copy.deepcopy(one))
    example = torch.randn(32, 256, 56, 56, device="cuda")
    for cold in (False, True):
        found = compare({"one": one, "two": two}, example, form=form, seconds=5, cold=cold)
        assert found.ratio("two").low > 1.5


@cuda
def test_a_captured_graph_gives_what_the_model_gives():
    model = nn.Conv2d(3, 8, 3).cuda().eval()
    example = torch.randn(2, 3, 16, 16, device="cuda")
    with torch.inference_mode():
        torch.testing.assert_close(prepare(model, example, "cudagraph")(), model(example))
