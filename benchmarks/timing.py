"""Clocks of the benchmarks: what calls take, and between which values half of the measurements lie."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import quantiles

import torch

Timing = tuple[float, float]
"""Seconds that went by, and seconds that CPUs worked for this process, which other programs disturb less."""


def timed(run: Callable[[], object], count: int = 1, device: str | torch.device = "cpu") -> Timing:
    """Return what so many calls take, the GPU's work included."""
    synchronise = torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None
    synchronise()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        run()
    synchronise()
    return time.perf_counter() - wall, time.process_time() - cpu


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third; of a single value three times that value."""
    low, middle, high = quantiles(values, n=4) if len(values) > 1 else 3 * [*values]
    return low, middle, high
