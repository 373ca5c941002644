"""The machine's conditions during a timing: load, steal, clock and throttling, and whether they make it noisy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.machine import NOTABLE_LOAD, core_seconds
from ..base.machine.control_groups import throttled_periods
from ..records.timing import Noise
from .pinning import siblings

#: Cores' worth of time that a hypervisor gave to others, above which times are noisy.
NOTABLE_STEAL = 0.02
#: A clock that varied by more than this share of its highest makes times noisy.
NOTABLE_SLOWING = 0.1
#: The system counts in ticks of 10 ms: over less than a few of them a load would be noise.
LEAST_SECONDS = 0.1

CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Conditions:
    """The machine's state over a span of time.

    Attributes
    ----------
    other_load : float, optional
        Cores that other processes kept busy, of those watched; None where the system does not say, or over too short a
        time.
    steal : float, optional
        Cores' worth of time of those watched that the hypervisor gave to other machines.
    mhz : tuple of float, optional
        Lowest and highest clock seen, of the mean over cores.
    throttled : int
        Times that heat, power or a quota on processor time held the cores back.
    """

    other_load: float | None = None
    steal: float | None = None
    mhz: tuple[float, float] | None = None
    throttled: int = 0

    @property
    def noise(self) -> list[Noise]:
        """What makes times taken meanwhile noisy; empty where nothing is known to."""
        slowed = self.mhz is not None and self.mhz[0] < (1 - NOTABLE_SLOWING) * self.mhz[1]
        found: dict[Noise, bool] = {
            "load": (self.other_load or 0.0) > NOTABLE_LOAD,
            "steal": (self.steal or 0.0) > NOTABLE_STEAL,
            "clock": slowed,
            "throttled": self.throttled > 0,
        }
        return [kind for kind, there in found.items() if there]

    def describe(self) -> list[str]:
        """Say in words what makes times noisy."""
        words = {
            "load": f"other processes keep {self.other_load or 0:.1f} cores busy",
            "steal": f"the hypervisor takes {self.steal or 0:.2f} cores' worth of time away",
            "clock": "the clock changes"
            + (f" between {self.mhz[0]:.0f} and {self.mhz[1]:.0f} MHz" if self.mhz else ""),
            "throttled": f"heat, power or a quota held the processor back {self.throttled} times",
        }
        return [words[kind] for kind in self.noise]


class Watch:
    """Looks at the machine from when it is made until `conditions` is asked for.

    `look` in between, while something is timed, sees the clock: before that it may be that of an idle processor.

    Parameters
    ----------
    cores : sequence of int
        The logical cores that this process's threads are held to: these are watched, and those that share a physical
        core with them. The whole machine where there are none.
    """

    def __init__(self, cores: Sequence[int] = ()) -> None:
        self._cores = sorted({core for own in cores for core in siblings(own)})
        self._mhz: list[float] = []
        self._start = self._now()

    def look(self) -> None:
        """Note the clock rate."""
        mhz = clock_mhz(self._cores)
        if mhz is not None:
            self._mhz.append(mhz)

    def conditions(self) -> Conditions:
        """Return the state of the machine since the start."""
        wall, busy, own, steal, throttled = (now - then for now, then in zip(self._now(), self._start, strict=True))
        counted = wall > LEAST_SECONDS and busy > 0
        return Conditions(
            other_load=max(0.0, (busy - own) / wall) if counted else None,
            steal=steal / wall if counted else None,
            mhz=(min(self._mhz), max(self._mhz)) if self._mhz else None,
            throttled=int(throttled),
        )

    def _now(self) -> tuple[float, float, float, float, float]:
        busy, steal = core_seconds(self._cores)
        return time.perf_counter(), busy, time.process_time(), steal, throttle_count(self._cores)


def clock_mhz(cores: Sequence[int] = ()) -> float | None:
    """Return the mean clock rate of cores in MHz, of all where none are named; None where the system does not say."""
    places = [f"cpu{core}" for core in cores] or ["cpu[0-9]*"]
    # /proc/cpuinfo has the nominal one on many machines
    files = [file for place in places for file in CPUS.glob(f"{place}/cpufreq/scaling_cur_freq")]
    try:
        kilohertz = [int(file.read_text(encoding="ascii")) for file in files]
    except (OSError, ValueError):
        return None
    return sum(kilohertz) / len(kilohertz) / 1000 if kilohertz else None


def throttle_count(cores: Sequence[int] = ()) -> float:
    """Return how often heat, power or a quota on processor time has held cores back so far, as far as can be read.

    Parameters
    ----------
    cores : sequence of int
        Logical cores; all of them where there are none. A quota holds wherever the process is.
    """
    every = [int(folder.name.removeprefix("cpu")) for folder in CPUS.glob("cpu[0-9]*")]
    count = throttled_periods()
    for first in {min(siblings(core)) for core in cores or every}:  # each of a physical core's has the same count
        with contextlib.suppress(OSError):
            text = (CPUS / f"cpu{first}/thermal_throttle/core_throttle_count").read_text(encoding="ascii").strip()
            count += int(text) if text.isdecimal() else 0
    return float(count)
