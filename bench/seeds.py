"""What several seeds say of a quality: intervals, and whether a method is behind the leader of its group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev, variance
from typing import Literal

from scipy import stats

#: Confidence of intervals over seeds.
CONFIDENCE = 0.95

Interval = tuple[float, float]

#: How a row stands to the leader of its group; unknown where either has a single seed.
Standing = Literal["leader", "worse", "not told apart", "unknown"]


def welch_interval(a: Sequence[float], b: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the difference of means, b's less a's, by Welch's t, of two values or more each."""
    if not variance(a) and not variance(b):  # t is not defined; without spread the difference is what it is
        return mean(b) - mean(a), mean(b) - mean(a)
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(confidence)
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of a mean by Student's t; None of a single value."""
    if len(values) < 2:
        return None
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def standings(
    groups: Sequence[Sequence[float]], *, higher_is_better: bool = True, confidence: float = CONFIDENCE
) -> list[tuple[Standing, Interval | None]]:
    """Tell of each row how it stands to the leader, the first of those with the best mean.

    Parameters
    ----------
    groups
        The rows' qualities, one value a seed; each row has some.
    higher_is_better
        Whether more of the quality is better.
    confidence
        Of the intervals, which are not corrected for the number of rows.

    Returns
    -------
    list
        For each row how it stands, and the interval of how much better than the leader it is, which is negative where
        it is worse; None where a spread is not known, and for the leader.
    """
    sign = 1.0 if higher_is_better else -1.0
    means = [sign * mean(values) for values in groups]
    leader = means.index(max(means)) if means else 0
    found: list[tuple[Standing, Interval | None]] = []
    for number, values in enumerate(groups):
        if number == leader:
            found.append(("leader", None))
        elif min(len(values), len(groups[leader])) < 2:
            found.append(("unknown", None))
        else:
            low, high = sorted(sign * end for end in welch_interval(groups[leader], values, confidence))
            found.append(("worse" if high < 0 else "not told apart", (low, high)))
    return found
