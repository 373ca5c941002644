"""Scores that may be infinite, as the PSNR of a perfect image is: means, spreads and differences, never NaN of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

from ..base.model import score_to_json


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that there are: neither None nor NaN."""
    return [value for value in values if value is not None and not math.isnan(value)]


def mean_score(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are; infinite with one that is; None of none, or of both infinities."""
    scores = known(values)
    average = mean(scores) if scores else math.nan
    return None if math.isnan(average) else average


def spread(values: Sequence[float]) -> float | None:
    """Return the standard deviation of two values or more; 0 of equal ones, None where one is infinite and not all."""
    if len(values) < 2:
        return None
    if len(set(values)) == 1:
        return 0.0
    return stdev(values) if all(map(math.isfinite, values)) else None


def difference(own: float, other: float) -> float:
    """Return ``own - other``; 0 of equal ones, infinite ones included."""
    return 0.0 if own == other else own - other


def scores_to_json(value: Any) -> Any:
    """Return a value, mappings and lists with what is in them, with a text for each infinite number in it."""
    if isinstance(value, dict):
        return {key: scores_to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scores_to_json(item) for item in value]
    return score_to_json(value) if isinstance(value, float) and math.isinf(value) else value
