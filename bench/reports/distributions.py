"""The distributions that the tests of the tables need: Student's t, F, chi-squared and the studentised range.

scipy has them all, but its import takes longer than all else that a table takes; tests compare the two.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

#: Relative change at which a continued fraction, or Newton's method, has converged.
PRECISION = 1e-15
_NORMAL = NormalDist()


def t_sf(t: float, freedom: float) -> float:
    """Return the probability that Student's t exceeds ``t``."""
    tail = beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return tail if t >= 0 else 1 - tail


@cache
def t_quantile(p: float, freedom: float) -> float:
    """Return the value that Student's t exceeds with probability ``1 - p``."""
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    log_density = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    t = _NORMAL.inv_cdf(p)
    # Newton's method: t's tail is convex and longer than the normal's, so that no step goes too far
    for _ in range(1000):
        density = math.exp(log_density - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (t_sf(t, freedom) - (1 - p)) / density
        t += step
        if step <= PRECISION * t:
            break
    return t


def f_sf(f: float, above: float, below: float) -> float:
    """Return the probability that F with ``above`` and ``below`` degrees of freedom exceeds ``f``."""
    return beta(below / (below + above * f), below / 2, above / 2)


def chi2_sf(x: float, freedom: int) -> float:
    """Return the probability that chi-squared with that many degrees of freedom exceeds ``x`` (DLMF 8.4)."""
    if x <= 0:
        return 1.0
    half = x / 2
    start = 0.5 if freedom % 2 else 0.0
    total = math.erfc(math.sqrt(half)) if freedom % 2 else 0.0
    powers = (start + step for step in range(freedom // 2))
    return total + sum(math.exp(-half + power * math.log(half) - math.lgamma(power + 1)) for power in powers)


@cache
def studentised_range_quantile(p: float, means: int) -> float:
    """Return the value that the range of ``means`` standard normals exceeds with probability ``1 - p``."""
    low, high = 0.0, 1.0
    while _range_cdf(high, means) < p:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _range_cdf(middle, means) < p else (low, middle)
    return high


def _range_cdf(width: float, means: int) -> float:
    """Return k ∫ φ(z) (Φ(z) - Φ(z - w))^(k - 1) dz, by the trapezoidal rule: a smooth integrand that fades away."""
    step = 1 / 16
    places = [number * step for number in range(round(-9 / step), round(9 / step) + 1)]
    values = (_NORMAL.pdf(z) * (_NORMAL.cdf(z) - _NORMAL.cdf(z - width)) ** (means - 1) for z in places)
    return means * step * math.fsum(values)


def beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function by its continued fraction (DLMF 8.17.22), after Lentz."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - beta(1 - x, b, a)
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for number in range(10_000):
        m = number // 2
        if number == 0:
            term = 1.0
        elif number % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        value *= c * d
        if abs(c * d - 1) < PRECISION:
            break
    front = a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    return math.exp(front) * (value - 1) / a
