"""Linux control groups: the limits on this process's share of the processors, and how often they held it back."""

from __future__ import annotations

import contextlib
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def cpu_groups() -> list[Path]:
    """Return the folders of the groups whose limits on processor time hold for this process, its own first.

    A group's limit holds for all groups in it, so that those above count, too. Of both versions of control groups;
    none where the system has none.
    """
    try:
        lines = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            base = ROOT
        elif "cpu" in controllers.split(","):
            base = ROOT / controllers if (ROOT / controllers).is_dir() else ROOT / "cpu"
        else:
            continue
        own = base / group.strip("/")
        # in a container the path may be that of the host, where only the container's root is to be seen
        around = [folder for folder in (own, *own.parents) if folder.is_relative_to(base)]
        found += [folder for folder in around if ".." not in folder.parts and folder.is_dir()]
    return found


def quota_cores() -> float | None:
    """Return the cores that the tightest quota leaves to this process, None without a quota."""
    return min((cores for folder in cpu_groups() if (cores := _quota(folder)) is not None), default=None)


def throttled_periods() -> int:
    """Return the number of periods so far in which a quota was spent before the period was over."""
    count = 0
    for folder in cpu_groups():
        for line in _text(folder / "cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            count += int(value) if name == "nr_throttled" and value.strip().isdecimal() else 0
    return count


def _quota(folder: Path) -> float | None:
    """Return a group's quota in cores, from ``200000 100000`` (time, period) or ``max 100000``, or from two files."""
    text = _text(folder / "cpu.max") or f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
    time, _, period = text.partition(" ")
    return int(time) / int(period) if time.isdecimal() and period.isdecimal() and int(period) else None


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
