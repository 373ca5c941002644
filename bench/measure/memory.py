"""The most memory that is used over a span of time."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import torch

from ..runtime import release_freed_memory
from ..timing_record import MemoryUse

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
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                # the mark is kept in rougher steps than the resident memory
                return MemoryUse(
                    of="process", before=self._before, peak=max(self._before, 1024 * int(value.split()[0]))
                )
        return None
