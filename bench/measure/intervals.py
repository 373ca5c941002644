"""Medians and paired ratios with their intervals, from samples that may depend on those just before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Of all intervals here. With 95 % one comparison in twenty of two equal models would show a difference.
CONFIDENCE = 0.99
#: Units that are left at least when neighbours are averaged: of fewer than 8 no interval has 99 %, however wide.
LEAST_UNITS = 8


@dataclass(frozen=True)
class Estimate:
    """A median and its interval.

    Attributes
    ----------
    value : float
        The median.
    low, high : float
        The interval of `CONFIDENCE`; of fewer than `LEAST_UNITS` samples their least and largest, which has less.
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
        The median, and the interval between two order statistics that the sign test gives: it holds whatever the
        distribution is, for few samples, too, where a percentile bootstrap has less than it says (95 % for 99 % of 10
        samples). Where neighbours resemble each other, as in slow phases of a machine, they are averaged first.
    """
    units = independent(np.asarray(samples, dtype=float))
    interval = stats.quantile_test(units, p=0.5).confidence_interval(confidence_level=CONFIDENCE)
    low, high = (units.min(), units.max()) if len(units) < LEAST_UNITS else (interval.low, interval.high)
    return Estimate(float(np.median(units)), float(low), float(high))


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
