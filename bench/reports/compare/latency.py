"""The comparison of latencies on one machine, each relative to the dense model that was timed in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import mean

from ...base.text import noise_in_words
from ...records.record import Latency, Record
from ...records.timing import Noise
from ...suite.form_name import EAGER
from .findings import RowFinding
from .matching import MatchedRow

#: By how much, relative to A's, B's ratio must be away to count.
THRESHOLD = 0.05


@dataclass(frozen=True)
class Ratio:
    """Time relative to the dense model's, over a row's seeds: mean and interval as in the leaderboard.

    Attributes
    ----------
    noise
        What spoiled the times, see ``timing_record.Noise``.
    timed
        Threads and device.
    """

    value: float
    low: float
    high: float
    noise: frozenset[Noise]
    timed: frozenset[tuple[int, str]]

    @classmethod
    def over(cls, latencies: list[Latency]) -> Ratio:
        """Return the ratio over the seeds."""
        return cls(
            mean(latency.ratio for latency in latencies),
            min(latency.ratio_interval[0] for latency in latencies),
            max(latency.ratio_interval[1] for latency in latencies),
            frozenset(kind for latency in latencies for kind in latency.noise),
            frozenset((latency.threads, latency.device) for latency in latencies),
        )

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def judge_latency(row: MatchedRow, threshold: float = THRESHOLD) -> Iterator[RowFinding]:
    """Yield a finding for each form and batch size that both sets timed; none where they are of different machines.

    Parameters
    ----------
    row
        The row.
    threshold
        Relative difference of the ratios that counts.
    """
    if row.machine_a != row.machine_b:
        return
    a, b = _by_batch(row.a), _by_batch(row.b)
    for (form, batch), own in a.items():
        what = f"time b{batch} / dense" if form == EAGER else f"time b{batch} {form} / dense"
        if (form, batch) in b:
            yield _judged(what, own, b[form, batch], threshold)
        elif any(record.status == "ok" for record in row.b.values()):
            yield RowFinding("latency", what, "changed", str(own), "–", "not timed in B")


def _judged(what: str, own: Ratio, other: Ratio, threshold: float) -> RowFinding:
    percent = 100 * (other.value / own.value - 1)
    finding = RowFinding(
        "latency", what, "same", str(own), str(other), f"{percent:+.1f} %", {"a": _numbers(own), "b": _numbers(other)}
    )
    if own.timed != other.timed:
        told = "timed with other threads or on another device: not compared"
        return replace(finding, verdict="changed", change=told)
    slower = other.low > own.high and other.value > own.value * (1 + threshold)
    faster = other.high < own.low and own.value > other.value * (1 + threshold)
    if not slower and not faster:
        return finding
    if noise := own.noise | other.noise:
        told = f"{finding.change}, noisy: {', '.join(noise_in_words(noise))}"
        return replace(finding, verdict="changed", change=told)
    return replace(finding, verdict="regression" if slower else "improvement")


def is_noisy(row: MatchedRow) -> bool:
    """Tell whether something spoiled a timing of the row."""
    records = [*row.a.values(), *row.b.values()]
    return any(latency.noise for record in records for latency in record.measured.latency)


def _by_batch(records: dict[int, Record]) -> dict[tuple[str, int], Ratio]:
    by_batch: dict[tuple[str, int], list[Latency]] = {}
    for record in records.values():
        for latency in record.measured.latency if record.status == "ok" else ():
            by_batch.setdefault((latency.form, latency.batch_size), []).append(latency)
    return {point: Ratio.over(latencies) for point, latencies in sorted(by_batch.items())}


def _numbers(ratio: Ratio) -> dict[str, float | list[float] | list[str]]:
    return {"ratio": ratio.value, "interval": [ratio.low, ratio.high], "noise": sorted(ratio.noise)}
