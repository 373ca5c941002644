"""The watch on a training: how a method's penalty goes, and the singular values before and after."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ...methods.numerics.unfolding import Spectrum

#: Moments of a training that are kept, at most.
MOST_MOMENTS = 40
#: Singular values of one unfolding that are kept, at most.
MOST_VALUES = 64


def moments(total: int, steps_per_epoch: int) -> frozenset[int]:
    """Return the steps after which a method's numbers are kept, from 1; the last is among them.

    They are the ends of epochs: of every second, third, … where there are many. Where there are few, epochs are divided
    evenly.

    Parameters
    ----------
    total
        Steps of the training.
    steps_per_epoch
        Steps of an epoch.
    """
    parts = MOST_MOMENTS * steps_per_epoch // max(1, total)  # of an epoch
    way = steps_per_epoch / parts if parts else steps_per_epoch * math.ceil(total / (MOST_MOMENTS * steps_per_epoch))
    ends = (round(way * number) for number in range(1, MOST_MOMENTS + 1))
    return frozenset({*(end for end in ends if 1 <= end < total), total})


def spread(values: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return some of the values with their places from 1, evenly spread; the first and the last are among them."""
    count = min(len(values), MOST_VALUES)
    places = [1 + round(number * (len(values) - 1) / max(1, count - 1)) for number in range(count)]
    return places, [values[place - 1] for place in places]


def beside(before: Iterable[Spectrum], after: Iterable[Spectrum]) -> list[dict[str, Any]]:
    """Return the singular values of the same unfoldings before a training and after it, as a record has them."""
    found = []
    for one, other in zip(before, after, strict=True):
        places, values = spread(one.values)
        found.append(
            {
                "layer": one.layer,
                "unfolding": one.unfolding,
                "rank": one.rank,
                "places": places,
                "before": values,
                "after": [other.values[place - 1] for place in places],
            }
        )
    return found
