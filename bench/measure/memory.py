"""Peak memory over a span of time."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

import psutil
import torch

from ..base.runtime import release_freed_memory
from ..records.timing import MemoryUse

#: Of all spans so far, in bytes.
_highest = 0

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """Measure from when this is made until `use` is asked for.

    On a GPU what torch has allocated there; on the CPU the process's resident memory, whose high-water mark Linux keeps
    and lets be reset.

    Parameters
    ----------
    device : device
        Where the memory is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._before: int | None = None
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
            return
        _keep_peak()
        release_freed_memory()  # else the process holds what it had used for something else
        with contextlib.suppress(OSError):
            CLEAR.write_text("5", encoding="ascii")  # resets the high-water mark, see proc_pid_clear_refs(5)
            self._before = psutil.Process().memory_info().rss

    def use(self) -> MemoryUse | None:
        """Return what was used, None where the system does not tell."""
        if self._before is None:
            return None
        if self.device.type == "cuda":
            return MemoryUse(of="device", before=self._before, peak=torch.cuda.max_memory_allocated(self.device))
        mark = _mark()  # kept in rougher steps than the resident memory
        return None if mark is None else MemoryUse(of="process", before=self._before, peak=max(self._before, mark))


def process_peak() -> int:
    """Return the most resident memory this process has held so far in bytes, whatever was measured in between."""
    _keep_peak()
    return _highest


def _keep_peak() -> None:
    """Remember the high-water mark; resetting it resets what ``getrusage`` tells, too."""
    global _highest
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _highest = max(_highest, _mark() or 0, told if sys.platform == "darwin" else 1024 * told)


def _mark() -> int | None:
    """Return the high-water mark of resident memory in bytes, None where the system keeps none."""
    if not STATUS.exists():
        return None
    for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return 1024 * int(value.split()[0])
    return None
