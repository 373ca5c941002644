"""Timers: seconds that calls take, by the CPU's clock or by events of a GPU, with warm or cold caches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

Call = Callable[[], object]
Timer = Callable[[Call, int], float]
"""``timer(call, times)`` calls so often and returns the seconds of all calls together."""

#: Bytes written between two calls where the system does not tell how large its last cache is.
ASSUMED_CACHE = 64 * 2**20


def timer_for(device: torch.device, *, cold: bool = False) -> Timer:
    """Return the timer for a device.

    Parameters
    ----------
    device : torch.device
        Where the calls compute.
    cold : bool
        Empty the device's last cache before every call, outside of the time taken: weights and input then come from
        memory, as they do where other work is done between two calls.
    """
    empty = _cache_emptier(device) if cold else None
    return _cuda_timer(device, empty) if device.type == "cuda" else _cpu_timer(empty)


def _cpu_timer(empty: Callable[[], None] | None) -> Timer:
    def warm(call: Call, times: int) -> float:
        start = time.perf_counter_ns()
        for _ in range(times):
            call()
        return (time.perf_counter_ns() - start) * 1e-9

    def cold(call: Call, times: int) -> float:
        total = 0.0
        for _ in range(times):
            assert empty is not None
            empty()
            total += warm(call, 1)
        return total

    return cold if empty else warm


def _cuda_timer(device: torch.device, empty: Callable[[], None] | None) -> Timer:
    """Time by events on the current stream, which must have nothing else to do."""

    def seconds(call: Call, times: int) -> float:
        # one pair of events where the calls follow one another, else one for each
        spans = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(times)]
        spans = spans if empty else spans[:1]
        torch.cuda.synchronize(device)
        for start, end in spans:
            if empty:
                empty()
            start.record()
            for _ in range(1 if empty else times):
                call()
            end.record()
        torch.cuda.synchronize(device)
        return sum(start.elapsed_time(end) for start, end in spans) * 1e-3

    return seconds


def _cache_emptier(device: torch.device) -> Callable[[], None]:
    """Return what writes twice the last cache's size."""
    size = torch.cuda.get_device_properties(device).L2_cache_size if device.type == "cuda" else last_cache_bytes()
    buffer = torch.empty(2 * size, dtype=torch.uint8, device=device)

    def empty() -> None:
        buffer.zero_()

    return empty


def last_cache_bytes(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """Return the size of the CPU's largest cache in bytes; `ASSUMED_CACHE` where the system does not tell."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    sizes = [0]
    for file in folder.glob("index*/size"):
        text = file.read_text(encoding="utf-8").strip()
        if text[:-1].isdecimal() and text[-1:] in units:
            sizes.append(int(text[:-1]) * units[text[-1]])
    return max(sizes) or ASSUMED_CACHE
