"""Medians and paired ratios with their intervals, from samples that may depend on those just before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Of all intervals here. With 95 % one comparison in twenty of two equal models would show a difference.
CONFIDENCE = 0.99
RESAMPLES = 2000
#: Units that are left at least when neighbours are averaged; fewer say nothing about spread.
LEAST_UNITS = 10


@dataclass(frozen=True)
class Estimate:
    """A median and its interval.

    Attributes
    ----------
    value : float
        The median.
    low, high : float
        The interval of `CONFIDENCE`; both ``value`` where a single sample tells no spread.
    """

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval, relative to the value."""
        return (self.high - self.low) / (2 * self.value)


def estimate(samples: Sequence[float] | np.ndarray) -> Estimate:
    """Estimate the median of positive samples.

    Parameters
    ----------
    samples : sequence of float
        In the order in which they were taken; at least one.

    Returns
    -------
    Estimate
        The median, and a percentile bootstrap interval over samples that are independent: where neighbours resemble
        each other, as in slow phases of a machine, they are averaged first.
    """
    values = np.asarray(samples, dtype=float)
    units = independent(values)
    centre = float(np.median(values))
    if len(units) == 1 or np.ptp(units) == 0:
        return Estimate(centre, centre, centre)
    interval = stats.bootstrap(
        (units,),
        np.median,
        confidence_level=CONFIDENCE,
        method="percentile",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    # the median of averages may lie elsewhere than that of the samples, hardly ever beyond its own interval
    return Estimate(centre, min(float(interval.low), centre), max(float(interval.high), centre))


def paired_ratio(own: Sequence[float] | np.ndarray, base: Sequence[float] | np.ndarray) -> Estimate:
    """Estimate the ratio of two positive samples taken side by side.

    Parameters
    ----------
    own, base : sequence of float
        Of equal length; equal index, same round.
    """
    return estimate(np.asarray(own, dtype=float) / np.asarray(base, dtype=float))


def independent(values: np.ndarray) -> np.ndarray:
    """Average neighbours (geometrically), pair by pair, until they no longer resemble each other or few are left.

    Parameters
    ----------
    values : ndarray
        ``(n,)``, positive.

    Returns
    -------
    ndarray
        ``(m,)`` with ``m = n // 2**k``.
    """
    logs = np.log(values)
    while len(logs) >= 2 * LEAST_UNITS and _resemblance(logs) > 2 / np.sqrt(len(logs)):
        even = len(logs) - len(logs) % 2
        logs = logs[:even].reshape(-1, 2).mean(1)
    return np.exp(logs)


def _resemblance(values: np.ndarray) -> float:
    """Return the correlation of the ranks of neighbours: outliers count no more than others."""
    ranks = stats.rankdata(values)
    if np.ptp(ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[:-1], ranks[1:])[0, 1]) if np.ptp(ranks[:-1]) and np.ptp(ranks[1:]) else 0.0
