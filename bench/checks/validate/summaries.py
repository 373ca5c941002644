"""Medians, intervals and ratios, computed again from the raw samples by what measures them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...measure.intervals import estimate, paired_ratio
from ...records.record import Latency, Record

#: Relative difference that rounding may make; other versions of numpy add up in another order.
ROUNDING = 1e-9


def check_summaries(record: Record, path: Path) -> Iterator[str]:
    """Yield the summaries of a record's times that are not those of its samples."""
    for number, latency in enumerate(record.measured.latency):
        try:
            again = _summaries(latency)
        except ValueError as error:
            yield f"measured.latency.{number}: the samples make no rounds: {error}"
            continue
        for name, value in again.items():
            field, _, index = name.partition(".")
            stored = getattr(latency, field)
            stored = stored[int(index)] if index and stored is not None else stored
            if stored is not None and not math.isclose(stored, value, rel_tol=ROUNDING):
                yield f"measured.latency.{number}: {name} is {stored}, by its samples {value}"


def _summaries(latency: Latency) -> dict[str, float]:
    """Return by field, with an index for pairs, what the samples give; nothing of samples that cannot be."""
    rounds: dict[str, np.ndarray] = {}
    for prefix in ("", "dense_"):
        samples = np.array(getattr(latency, f"{prefix}milliseconds"), dtype=float)
        rounds[prefix] = samples.reshape(-1, latency.samples_per_round).mean(1)
    own, dense = rounds[""], rounds["dense_"]
    if len(own) != len(dense):
        raise ValueError(f"{len(own)} of the compressed model, {len(dense)} of the dense one")
    if not (own.size and (own > 0).all() and (dense > 0).all()):
        return {}
    again: dict[str, float] = {}
    for prefix, values in rounds.items():
        median = estimate(values)
        again[f"{prefix}median"] = median.value if latency.ended else float(np.median(values))
        again |= {f"{prefix}median_interval.0": median.low, f"{prefix}median_interval.1": median.high}
        low, high = np.quantile(values, [0.25, 0.75])
        again |= {f"{prefix}quartiles.0": float(low), f"{prefix}quartiles.1": float(high)}
    if latency.ended is None:  # before: all samples alike, and a bootstrap, which nobody can repeat
        return again | {"ratio": float(np.median(own / dense))}
    ratio = paired_ratio(own, dense)
    return again | {"ratio": ratio.value, "ratio_interval.0": ratio.low, "ratio_interval.1": ratio.high}
