"""Latency of several models side by side: in turn, in one process, with intervals of the medians and of the ratios.

The models take turns, so that a slow moment of the machine meets all of them. A round goes through them in a random
order and back again: what changes steadily within a round is the same for all. Ratios are taken within a round.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..records.timing import Noise
from .conditions import Conditions, Watch
from .forms import COMPILE, EAGER, forget_compiled, prepare
from .intervals import Estimate, estimate, paired_ratio
from .pinning import computing_threads, held_to_cores
from .timers import Call, Timer, timer_for

#: A sample is the mean over so many calls that it takes at least this long, in s.
SAMPLE_SECONDS = 0.002
#: Fewer rounds than the first are never made: of 7 no interval has 99 %. Fewer than the second are never enough.
LEAST_ROUNDS, LEAST_NARROW_ROUNDS, MOST_ROUNDS = 8, 16, 500
#: The intervals are looked at after so many rounds, and again whenever their number has grown by a quarter.
GROWTH = 1.25
#: Share of the time given to warming up, at most.
WARM_UP_SHARE = 0.25
#: A model is warm when the medians of its last samples and of as many before them agree so far.
WARM_SAMPLES, WARM_AGREEMENT = 5, 0.02

#: Seconds: where every call takes longer, cold caches are too small a part of it to be worth another call.
LONG_CALL = 0.02
#: Calls a sample with cold caches, each of which is emptied before.
MOST_COLD_CALLS = 8

Ending = Literal["narrow", "time", "rounds"]


@dataclass(frozen=True)
class Timing:
    """What one model took.

    Attributes
    ----------
    samples : ndarray
        ``(rounds, 2)`` seconds a call, the mean over ``calls``: on the way through the round and on the way back.
    calls : int
        Calls a sample.
    median : Estimate
        Over rounds, in seconds a call.
    """

    samples: np.ndarray
    calls: int
    median: Estimate


@dataclass(frozen=True)
class Comparison:
    """What several models took, in turn.

    Attributes
    ----------
    timings : dict of str to Timing
        By name.
    baseline : str
        The model that ratios are relative to.
    ended : {"narrow", "time", "rounds"}
        Why: all intervals were narrow enough, the time was spent, or more samples would be no use to anyone.
    warm : bool
        Whether all running medians were stable before the first sample; if not, warming up took its share of the time.
    conditions : Conditions
        The machine meanwhile.
    cores : tuple of int
        The logical cores that the threads were held to; empty where they were not.
    threads : int
        Threads of one operation.
    """

    timings: dict[str, Timing]
    baseline: str
    ended: Ending
    warm: bool
    conditions: Conditions
    cores: tuple[int, ...]
    threads: int

    @property
    def rounds(self) -> int:
        """How many rounds there are."""
        return len(self.timings[self.baseline].samples)

    @property
    def noise(self) -> list[Noise]:
        """What makes these times noisy."""
        return self.conditions.noise

    def ratio(self, name: str) -> Estimate:
        """Return a model's time relative to the baseline's: the median over rounds of their ratio in a round."""
        own, base = (self.timings[one].samples.mean(1) for one in (name, self.baseline))
        return paired_ratio(own, base)


def compare(
    models: Mapping[str, nn.Module],
    example: Tensor,
    *,
    form: str = EAGER,
    baseline: str | None = None,
    seconds: float = 20.0,
    half_width: float = 0.01,
    threads: int | None = None,
    cold: bool = False,
) -> Comparison:
    """Time models on one input.

    Parameters
    ----------
    models : mapping of str to Module
        Deployed, in eval mode, on the example's device; they are not changed.
    example : Tensor
        ``(b, c, h, w)``; its first size is the batch size that is timed.
    form : str
        How all of them are run, see `forms.check_form`.
    baseline : str, optional
        What ratios are relative to; the first model by default.
    seconds : float
        Time to spend at most, warm-up included; a little more where a few rounds take longer than that.
    half_width : float
        End as soon as half of every ratio's interval is less than this part of the ratio (with one model: of the
        median).
    threads : int, optional
        CPU threads; as they are set where None.
    cold : bool
        Empty the last cache before every call.

    Raises
    ------
    ValueError
        No models, or a baseline that is not among them.
    FormError
        A model cannot be run in that form on this machine.
    """
    with computing_threads(threads) as count, _current(example.device):
        if COMPILE in form:
            forget_compiled()
        # what is compiled or exported starts helpers, which are not to be held to a few cores
        calls = {name: prepare(model, example, form) for name, model in models.items()}
        with held_to_cores(count) as cores:
            return compare_calls(
                calls, example.device, baseline=baseline, seconds=seconds, half_width=half_width, cold=cold, cores=cores
            )


def compare_calls(
    calls: Mapping[str, Call],
    device: torch.device,
    *,
    baseline: str | None = None,
    seconds: float = 20.0,
    half_width: float = 0.01,
    cold: bool = False,
    cores: tuple[int, ...] = (),
) -> Comparison:
    """Time calls without arguments; parameters and errors are those of `compare`."""
    if not calls:
        raise ValueError("there is nothing to time")
    names = list(calls)
    baseline = names[0] if baseline is None else baseline
    if baseline not in calls:
        raise ValueError(f"the baseline '{baseline}' is not among {', '.join(names)}")
    timer = timer_for(device, cold=cold)
    start, watch = time.perf_counter(), Watch(cores)
    with torch.inference_mode(), _no_garbage_collection():
        each = [calls[name] for name in names]
        once, warm = _warm_up(each, timer, WARM_UP_SHARE * seconds)
        times = [_calls_a_sample(call, timer, one) for call, one in zip(each, once, strict=True)]
        times = [min(one, MOST_COLD_CALLS) for one in times] if cold else times
        # the same for all models, or one would be timed warm and another cold
        sample = timer if cold or min(once) >= LONG_CALL else _after_one_call(timer)
        samples, ended = _rounds(each, times, sample, names.index(baseline), start + seconds, half_width, watch)
    timings = {
        name: Timing(samples[:, index], times[index], estimate(samples[:, index].mean(1)))
        for index, name in enumerate(names)
    }
    return Comparison(timings, baseline, ended, warm, watch.conditions(), cores, torch.get_num_threads())


def _rounds(
    calls: Sequence[Call],
    times: Sequence[int],
    timer: Timer,
    base: int,
    end: float,
    half_width: float,
    watch: Watch,
) -> tuple[np.ndarray, Ending]:
    """Take samples, ``(rounds, models, 2)`` s a call, until intervals are narrow or the time is spent."""
    generator = np.random.default_rng(0)
    rounds: list[np.ndarray] = []
    look_at, narrow, ended = LEAST_NARROW_ROUNDS, False, "rounds"
    longest = 0.0
    while len(rounds) < MOST_ROUNDS:
        begun = time.perf_counter()
        if len(rounds) >= LEAST_ROUNDS and begun + longest > end:
            ended = "time"
            break
        order = generator.permutation(len(calls))
        sample = np.empty((len(calls), 2))
        for way, indices in enumerate((order, order[::-1])):
            for index in indices:
                sample[index, way] = timer(calls[index], times[index]) / times[index]
        rounds.append(sample)
        watch.look()
        longest = max(longest, time.perf_counter() - begun)
        if len(rounds) >= look_at:
            look_at = math.ceil(GROWTH * len(rounds))
            # twice in a row: an interval that is narrow by luck is one that misses
            was_narrow, narrow = narrow, _widest(np.array(rounds).mean(2), base) <= half_width
            if was_narrow and narrow:
                ended = "narrow"
                break
    return np.array(rounds), ended


def _after_one_call(timer: Timer) -> Timer:
    """Return a timer that calls once, untimed, before each sample: the caches have another model's data."""

    def sample(call: Call, times: int) -> float:
        call()
        return timer(call, times)

    return sample


def _current(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return a context in which a GPU is the current one, on whose stream events and captures are."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def _widest(means: np.ndarray, base: int) -> float:
    """Return the largest relative half-width of the ratios' intervals; with one model of its median's."""
    others = [index for index in range(means.shape[1]) if index != base]
    if not others:
        return estimate(means[:, base]).half_width
    return max(paired_ratio(means[:, index], means[:, base]).half_width for index in others)


def _warm_up(calls: Sequence[Call], timer: Timer, seconds: float) -> tuple[list[float], bool]:
    """Call all in turn until their running medians are stable, or for ``seconds``.

    Returns
    -------
    list of float
        Seconds a call of each takes by now.
    bool
        Whether they were stable.
    """
    end = time.perf_counter() + seconds
    seen: list[list[float]] = [[] for _ in calls]
    while True:
        for samples, call in zip(seen, calls, strict=True):
            samples.append(timer(call, 1))
        stable = all(_is_stable(samples) for samples in seen)
        if stable or (time.perf_counter() > end and len(seen[0]) > 1):
            return [max(float(np.median(samples[-WARM_SAMPLES:])), 1e-9) for samples in seen], stable


def _calls_a_sample(call: Call, timer: Timer, once: float) -> int:
    """Return how many calls take `SAMPLE_SECONDS`; in a row each may be faster than alone, ``once`` seconds."""
    times = max(1, math.ceil(SAMPLE_SECONDS / once))
    while (took := timer(call, times)) < SAMPLE_SECONDS / 2:
        times = math.ceil(times * min(SAMPLE_SECONDS / max(took, 1e-9), 100))
    return times


def _is_stable(samples: Sequence[float]) -> bool:
    if len(samples) < 2 * WARM_SAMPLES:
        return False
    before, last = np.median(samples[-2 * WARM_SAMPLES : -WARM_SAMPLES]), np.median(samples[-WARM_SAMPLES:])
    return bool(abs(last - before) <= WARM_AGREEMENT * before)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect now and not while timing."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
