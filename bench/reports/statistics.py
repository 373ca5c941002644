"""Statistics over seeds: intervals of means, and whether a method is behind the leader of its group.

scipy is imported by the functions that compute with it: it takes longer to load than a table takes to print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev, variance
from typing import Literal

from .distributions import t_quantile, t_sf
from .scores import difference

#: Confidence of intervals over seeds.
CONFIDENCE = 0.95

Interval = tuple[float, float]

#: How a row stands to the leader of its group; unknown where either has a single seed.
Standing = Literal["leader", "worse", "not told apart", "unknown"]


def welch_interval(a: Sequence[float], b: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the difference of means, b's less a's, by Welch's t, of two values or more each.

    With infinite values it is a point where it is certain, else all there is.
    """
    if _constant(a) and _constant(b):  # t is not defined; without spread the difference is what it is
        return difference(b[0], a[0]), difference(b[0], a[0])
    if _infinite(a, b):
        certain = _apart(a, b)
        return (certain, certain) if certain else (-math.inf, math.inf)
    error, freedom = _welch(a, b)
    half = t_quantile((1 + confidence) / 2, freedom) * error
    return mean(b) - mean(a) - half, mean(b) - mean(a) + half


def welch_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p-value of equal means by Welch's t, of two values or more each."""
    if _constant(a) and _constant(b):
        return float(a[0] == b[0])
    if _infinite(a, b):
        return 0.0 if _apart(a, b) else 1.0
    error, freedom = _welch(a, b)
    return 2 * t_sf(abs(mean(b) - mean(a)) / error, freedom)


def _constant(values: Sequence[float]) -> bool:
    """Tell whether all values are the same."""
    return len(set(values)) == 1


def _infinite(a: Sequence[float], b: Sequence[float]) -> bool:
    return not all(map(math.isfinite, (*a, *b)))


def _apart(a: Sequence[float], b: Sequence[float]) -> float:
    """Return b's distance from a where all of one are infinite and the other's are not; else 0: nothing is known."""
    for values, others, distance in ((b, a, 1.0), (a, b, -1.0)):
        if _constant(values) and math.isinf(values[0]) and all(map(math.isfinite, others)):
            return distance * values[0]
    return 0.0


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of the difference of means, and its degrees of freedom.

    Welch, The Generalization of 'Student's' Problem when Several Different Population Variances are Involved,
    Biometrika 34, 1947, with Satterthwaite's degrees of freedom.
    """
    parts = [variance(values) / len(values) for values in (a, b)]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (a, b), strict=True))
    return math.sqrt(sum(parts)), freedom


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are.

    The i-th smallest of m is multiplied by ``m - i + 1``, and is no smaller than those before it and at most 1 (Holm, A
    Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6, 1979).
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of a mean by Student's t; None of a single value, all there is where some are infinite."""
    if len(values) < 2:
        return None
    if _constant(values):
        return values[0], values[0]
    if not all(map(math.isfinite, values)):
        return -math.inf, math.inf
    half = t_quantile((1 + confidence) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def mean_ranks(values: Sequence[float]) -> list[float]:
    """Return each value's rank from 1, the smallest, on; equal values share the average of theirs."""
    ordered = sorted(values)
    return [(1 + 2 * ordered.index(value) + ordered.count(value)) / 2 for value in values]


def standings(
    groups: Sequence[Sequence[float]], *, higher_is_better: bool = True, confidence: float = CONFIDENCE
) -> list[tuple[Standing, Interval | None]]:
    """Tell of each row how it stands to the leader, the first of those with the best mean.

    A row is worse where the p-value of Welch's t is below ``1 - confidence`` after :func:`holm`'s correction for the
    number of rows. That the leader is chosen by the same values is not corrected for: see ``tools/false_marks.py``.

    Parameters
    ----------
    groups
        The rows' qualities, one value a seed; each row has some.
    higher_is_better
        Whether more of the quality is better.
    confidence
        Of the intervals, each of which is of its row by itself; and less 1 the level of the tests.

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
    tested = [
        number
        for number, values in enumerate(groups)
        if number != leader and min(len(values), len(groups[leader])) >= 2
    ]
    p_values = dict(zip(tested, holm([welch_p(groups[leader], groups[number]) for number in tested]), strict=True))
    for number, values in enumerate(groups):
        if number == leader:
            found.append(("leader", None))
        elif number not in p_values:
            found.append(("unknown", None))
        else:
            low, high = sorted(sign * end for end in welch_interval(groups[leader], values, confidence))
            worse = p_values[number] < 1 - confidence  # no row's mean is above the leader's
            found.append(("worse" if worse else "not told apart", (low, high)))
    return found
