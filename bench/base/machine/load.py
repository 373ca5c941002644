"""The load of a machine: the time of its cores that other processes take."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil

#: Cores kept busy by other processes above which what was timed is told apart.
NOTABLE_LOAD = 0.3


class OtherLoad:
    """Measures how many cores all processes but one kept busy since this was made.

    Parameters
    ----------
    pid
        The process that does not count.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._start = (time.monotonic(), core_seconds()[0])

    def cores(self) -> float | None:
        """Return the number of cores, None where the system does not say."""
        wall, busy = time.monotonic() - self._start[0], core_seconds()[0] - self._start[1]
        try:
            own = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return None
        return max(0.0, busy - own.user - own.system) / wall if wall > 0 and busy > 0 else None


def core_seconds(cores: Sequence[int] = ()) -> tuple[float, float]:
    """Return the seconds that cores were busy and that a hypervisor took of them since the system started.

    Parameters
    ----------
    cores : sequence of int
        Logical cores; all of them where there are none.

    Returns
    -------
    tuple of float
        Both 0 where the system does not say.
    """
    try:
        each = psutil.cpu_times(percpu=True)
    except (OSError, RuntimeError):
        return 0.0, 0.0
    # the list leaves out cores that are offline, after which numbers and places differ
    chosen = [each[core] for core in cores] if cores and max(cores) < len(each) else each
    busy = sum(times.user + times.system + getattr(times, "nice", 0.0) for times in chosen)
    return busy, sum(getattr(times, "steal", 0.0) for times in chosen)
