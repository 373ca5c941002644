"""Latency of a deployed model beside the dense one: in turn, in one process, with an interval.

The two models take turns, so that a slow moment of the machine meets both, and each round starts with the
other one. The ratio is taken within a round, and its interval is a bootstrap over the rounds.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from ..machine import busy_seconds
from ..record import Latency
from .counts import count_macs

#: A sample is the mean over so many calls that it takes at least this long, in s.
SAMPLE_SECONDS = 0.002
#: Fewer rounds than this say nothing about spread, more than that fill the records.
LEAST_ROUNDS, MOST_ROUNDS = 7, 200
#: Share of the time given to warming up, at most.
WARM_UP_SHARE = 0.25

Timer = Callable[[nn.Module, int], float]


def measure_latency(
    model: nn.Module, dense: nn.Module, example: Tensor, *, seconds: float, memory_format: str = "contiguous"
) -> Latency:
    """Time two deployed models in turn.

    Parameters
    ----------
    model, dense
        Deployed for the example's batch size, in eval mode, on the example's device.
    example
        Input ``(n, c, h, w)``; its first size is the batch size that is timed.
    seconds
        Time to spend, warm-up included; a little more where a few rounds take longer than that.
    memory_format
        ``contiguous`` or ``channels_last``, for the weights (changed in place) and the input.

    Returns
    -------
    Latency
        All samples and their summary.
    """
    layout = memory_layout(memory_format)
    example = example.to(memory_format=layout)
    pair = (model.to(memory_format=layout), dense.to(memory_format=layout))
    timer = _cuda_timer(example) if example.is_cuda else _cpu_timer(example)
    with torch.inference_mode(), _no_garbage_collection():
        longest = _warm_up(pair, timer, WARM_UP_SHARE * seconds)
        calls = max(1, math.ceil(SAMPLE_SECONDS / longest))
        rounds = int((1 - WARM_UP_SHARE) * seconds / (2 * calls * longest))
        rounds = min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS)
        with _OtherLoad() as load:
            samples = _take_turns(pair, timer, calls, rounds)
    return _summarise(
        samples,
        calls=calls,
        batch_size=example.shape[0],
        threads=torch.get_num_threads(),
        memory_format=memory_format,
        device=torch.cuda.get_device_name(example.device) if example.is_cuda else "cpu",
        other_load=load.cores,
        forms=dict(getattr(model, "decompbench_forms", {})),
        macs=count_macs(model, example[:1])[0],
        folded=getattr(model, "decompbench_folded", False),
        dense_folded=getattr(dense, "decompbench_folded", False),
    )


def memory_layout(memory_format: str) -> torch.memory_format:
    """Return torch's name for ``contiguous`` or ``channels_last``."""
    return torch.channels_last if memory_format == "channels_last" else torch.contiguous_format


def _take_turns(pair: tuple[nn.Module, nn.Module], timer: Timer, calls: int, rounds: int) -> np.ndarray:
    """Return seconds a call, ``(rounds, 2)``; who goes first changes from round to round."""
    samples = np.empty((rounds, 2))
    for number in range(rounds):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for which in order:
            samples[number, which] = timer(pair[which], calls) / calls
    return samples


def _warm_up(pair: tuple[nn.Module, nn.Module], timer: Timer, seconds: float) -> float:
    """Call both until three calls in a row agree within 5 %, or for ``seconds``; return the slower's time."""
    end = time.perf_counter() + seconds
    last: list[list[float]] = [[], []]
    while True:
        for which in (0, 1):
            last[which] = [*last[which][-2:], timer(pair[which], 1)]
        stable = all(len(times) == 3 and max(times) <= 1.05 * min(times) for times in last)
        if stable or (time.perf_counter() > end and len(last[0]) > 1):
            return max(min(times) for times in last)


def _cpu_timer(example: Tensor) -> Timer:
    def seconds(model: nn.Module, calls: int) -> float:
        start = time.perf_counter_ns()
        for _ in range(calls):
            model(example)
        return (time.perf_counter_ns() - start) * 1e-9

    return seconds


def _cuda_timer(example: Tensor) -> Timer:
    """Time by events on the example's stream: the launch queue of the calls before must be empty."""

    def seconds(model: nn.Module, calls: int) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(example.device)
        start.record()
        for _ in range(calls):
            model(example)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e-3

    return seconds


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


class _OtherLoad:
    """Measures how many cores other processes kept busy while the block ran."""

    cores: float | None = None

    def __enter__(self) -> _OtherLoad:
        self._start = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (now - then for now, then in zip(self._now(), self._start, strict=True))
        # The system counts in ticks of 10 ms: over less than a few of them the number would be noise.
        self.cores = max(0.0, (busy - own) / wall) if wall > 0.1 and busy > 0 else None

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.perf_counter(), busy_seconds(), time.process_time()


def _summarise(samples: np.ndarray, **settings: object) -> Latency:
    """Return medians, quartiles and the paired ratio with its interval; ``samples``: s, ``(rounds, 2)``."""
    own, dense = 1000 * samples[:, 0], 1000 * samples[:, 1]
    ratios = own / dense
    interval = stats.bootstrap(
        (ratios,), np.median, method="percentile", n_resamples=2000, rng=np.random.default_rng(0)
    ).confidence_interval
    return Latency.model_validate(
        {
            "milliseconds": own.tolist(),
            "dense_milliseconds": dense.tolist(),
            "median": float(np.median(own)),
            "dense_median": float(np.median(dense)),
            "quartiles": tuple(np.quantile(own, [0.25, 0.75]).tolist()),
            "dense_quartiles": tuple(np.quantile(dense, [0.25, 0.75]).tolist()),
            "ratio": float(np.median(ratios)),
            "ratio_interval": (float(interval.low), float(interval.high)),
            **settings,
        }
    )
