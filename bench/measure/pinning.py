"""Keep this process's threads on fixed cores while something is timed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch


@contextlib.contextmanager
def pinned_threads(threads: int | None = None) -> Iterator[tuple[int, ...]]:
    """Compute with so many threads, each process's thread held to as many cores, until the block ends.

    Parameters
    ----------
    threads : int, optional
        Threads of one operation; as they are set where None.

    Yields
    ------
    tuple of int
        The cores, of different physical cores as far as there are enough; empty where the system holds no threads to
        cores.
    """
    before = torch.get_num_threads()
    threads = threads or before
    torch.set_num_threads(threads)
    if not hasattr(os, "sched_setaffinity"):
        try:
            yield ()
        finally:
            torch.set_num_threads(before)
        return
    allowed = os.sched_getaffinity(0)
    cores = choose_cores(sorted(allowed), threads)
    _hold(cores)
    try:
        yield tuple(cores)
    finally:
        _hold(allowed)
        torch.set_num_threads(before)


def choose_cores(allowed: Sequence[int], count: int, topology: Path = Path("/sys/devices/system/cpu")) -> list[int]:
    """Return ``count`` of the allowed logical cores, one of each physical core before a second of any.

    The last ones come first: systems give the first cores what interrupts there are.
    """
    taken: dict[str, int] = {}
    ranked = []
    for core in sorted(allowed, reverse=True):
        file = topology / f"cpu{core}/topology/thread_siblings_list"
        physical = file.read_text(encoding="utf-8").strip() if file.exists() else str(core)
        ranked.append((taken.get(physical, 0), -core, core))
        taken[physical] = taken.get(physical, 0) + 1
    return sorted(core for *_, core in sorted(ranked)[:count])


def _hold(cores: Sequence[int] | set[int]) -> None:
    """Hold every thread of this process, also those that OpenMP keeps waiting, to these cores."""
    threads = (
        [int(entry.name) for entry in Path("/proc/self/task").iterdir()] if Path("/proc/self/task").exists() else [0]
    )
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread, cores)
