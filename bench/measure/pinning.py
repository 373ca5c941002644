"""Threads held to fixed cores while something is timed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

TASKS = Path("/proc/self/task")
TOPOLOGY = Path("/sys/devices/system/cpu")
#: With these OpenMP binds its threads itself.
BINDING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}


@contextlib.contextmanager
def computing_threads(threads: int | None = None) -> Iterator[int]:
    """Compute with so many threads until the block ends; as many as are set where None. Yields their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def held_to_cores(count: int) -> Iterator[tuple[int, ...]]:
    """Hold this process's threads to as many cores until the block ends; among these they may move.

    Parameters
    ----------
    count : int
        Cores, of different physical ones as far as there are enough.

    Yields
    ------
    tuple of int
        The cores; empty where the system holds no threads to cores, or where threads are bound already.
    """
    if not hasattr(os, "sched_setaffinity") or not TASKS.exists() or BINDING & set(os.environ):
        yield ()
        return
    before = {thread: os.sched_getaffinity(thread) for thread in _threads()}
    cores = choose_cores(sorted(os.sched_getaffinity(0)), count)
    try:
        for thread in before:
            _hold(thread, cores)
        yield tuple(cores)
    finally:
        everywhere = set().union(*before.values())
        for thread in _threads():
            _hold(thread, before.get(thread, everywhere))


def choose_cores(allowed: Sequence[int], count: int) -> list[int]:
    """Return ``count`` of the allowed logical cores, one of each physical core before a second of any.

    The last ones come first: systems give the first cores what interrupts there are.
    """
    taken: dict[tuple[int, ...], int] = {}
    ranked = []
    for core in sorted(allowed, reverse=True):
        physical = siblings(core)
        ranked.append((taken.get(physical, 0), -core, core))
        taken[physical] = taken.get(physical, 0) + 1
    return sorted(core for *_, core in sorted(ranked)[:count])


def siblings(core: int) -> tuple[int, ...]:
    """Return the logical cores of the physical core that a logical one is of; itself where the system is silent."""
    file = TOPOLOGY / f"cpu{core}/topology/thread_siblings_list"
    try:
        parts = file.read_text(encoding="utf-8").strip().split(",")  # as in 0,4 or 0-1
        spans = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in parts)]
    except (OSError, ValueError):
        return (core,)
    return tuple(core for first, last in spans for core in range(first, last + 1))


def _threads() -> list[int]:
    """Return the ids of this process's threads, also of those that OpenMP keeps waiting."""
    return [int(entry.name) for entry in TASKS.iterdir()]


def _hold(thread: int, cores: Sequence[int] | set[int]) -> None:
    with contextlib.suppress(OSError):  # it has ended, or the system does not let it be moved
        os.sched_setaffinity(thread, cores)
