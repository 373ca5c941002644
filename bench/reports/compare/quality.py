"""The comparison of the finished models' quality, held against the spread of seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean

from ...base.text import counted
from ...records.record import Record
from ..leaderboard.row_notes import NOTABLE_DIFFERENCE
from ..leaderboard.shown_metrics import ShownMetric, shown_metrics
from ..scores import difference, known, spread
from ..statistics import welch_interval
from ..text.table import number, signed
from .findings import RowFinding, Verdict
from .matching import MatchedRow

#: Where no spread is known, the difference that counts: by unit, and for other units relative to A.
THRESHOLDS = {"%": 1.0, "dB": 0.1}
RELATIVE_THRESHOLD = 0.01

#: A metric's value by seed; None where it told nothing.
Values = dict[int, float | None]


def judge_quality(row: MatchedRow, threshold: float | None = None) -> Iterator[RowFinding]:
    """Yield a finding for each metric that tables show, the main one first, where both sets have trials that are ok.

    Parameters
    ----------
    row
        The row.
    threshold
        In the metric's unit: the difference that counts where no spread of seeds is known. By default 1 for %, 0.1 for
        dB, and 1 % of A's value for other units.
    """
    a, b = _ok(row.a), _ok(row.b)
    if not a or not b:
        return
    same = same_weights(row)
    metrics, others = (shown_metrics(next(iter(records.values())).measured) for records in (a, b))
    for metric in metrics:
        if metric not in others:
            yield RowFinding("quality", metric.heading, "changed", "scored", "–", "B has no such metric")
            continue
        yield _judged(metric, _values(a, metric), _values(b, metric), same, threshold)
    if metrics and metrics[0] in others:
        yield from _deployed(metrics[0], a, b)


def same_weights(row: MatchedRow) -> bool:
    """Tell whether the finished models of both sets are equal to the last bit, for all seeds of either."""
    hashes = [(a.measured.state_sha256, b.measured.state_sha256) for a, b in row.pairs]
    return row.a.keys() == row.b.keys() and all(own is not None and own == other for own, other in hashes)


def _judged(metric: ShownMetric, a: Values, b: Values, same: bool, threshold: float | None) -> RowFinding:
    own, other = known(a.values()), known(b.values())
    finding = RowFinding(
        "quality", metric.heading, "same", *_texts(own, other),
        numbers={"a": a, "b": b, "same_weights": same, "higher_is_better": metric.higher_is_better},
    )  # fmt: skip
    lacking_a, lacking_b = len(a) - len(own), len(b) - len(other)
    if lacking_b > lacking_a:
        return replace(finding, verdict="regression", change=f"not finite in B for {lacking_b} of {len(b)} seeds")
    if not own or not other:
        return replace(finding, verdict="improvement" if other else "same", change="not finite in A")
    gain = difference(mean(other), mean(own))
    if not gain:
        return replace(finding, change="same weights" if same else "")
    if min(len(own), len(other)) > 1 and not same:
        low, high = welch_interval(own, other)
        verdict = "same" if low <= 0 <= high else _better_or_worse(gain, metric)
        text = f"{_signed(gain)} [{_signed(low)}, {_signed(high)}]"
        text += ", within the seeds' spread" if verdict == "same" else ""
        numbers = {**finding.numbers, "difference": gain, "interval": (low, high)}
        return replace(finding, verdict=verdict, change=text, numbers=numbers)
    relative = RELATIVE_THRESHOLD * abs(mean(own))
    usual = THRESHOLDS.get(metric.unit, relative if math.isfinite(relative) else 0.0)
    limit = usual if threshold is None else threshold
    # a difference of decimal numbers is off by rounding: what is written as 1.00 is not beyond 1
    beyond = abs(gain) > limit and not math.isclose(abs(gain), limit, rel_tol=1e-9)
    reason = "same weights, scored differently" if same else "spread unknown"
    return replace(
        finding,
        verdict=_better_or_worse(gain, metric) if beyond else "changed",
        change=f"{_signed(gain)}, {reason}" + (f", beyond {limit:.3g} {metric.unit}".rstrip() if beyond else ""),
        numbers={**finding.numbers, "difference": gain, "threshold": limit},
    )


def _better_or_worse(gain: float, metric: ShownMetric) -> Verdict:
    return "improvement" if (gain > 0) == metric.higher_is_better else "regression"


def _deployed(metric: ShownMetric, a: dict[int, Record], b: dict[int, Record]) -> Iterator[RowFinding]:
    """Yield a regression where deploying changes more than rounding, and did not before."""
    before, after = _gap(metric, a), _gap(metric, b)
    if before <= NOTABLE_DIFFERENCE < after:
        yield RowFinding(
            "quality", f"{metric.heading}, deployed less finished", "regression", number(before, 2), number(after, 2),
            "deploying changes more than rounding", {"a": before, "b": after},
        )  # fmt: skip


def _gap(metric: ShownMetric, records: dict[int, Record]) -> float:
    """Return how far the deployed models are from the finished ones, at most."""
    finished, deployed = _values(records, metric), _values(records, metric, "deployed")
    gaps = [
        abs(difference(own, other))
        for seed, own in finished.items()
        if own is not None and (other := deployed[seed]) is not None
    ]
    return max(gaps, default=0.0)


def _ok(records: dict[int, Record]) -> dict[int, Record]:
    return {seed: record for seed, record in sorted(records.items()) if record.status == "ok"}


def _values(records: dict[int, Record], metric: ShownMetric, moment: str = "finished") -> Values:
    return {seed: record.measured.quality.get(moment, {}).get(metric.name) for seed, record in records.items()}


def _texts(own: list[float], other: list[float]) -> tuple[str, str]:
    """Return both sides' means, with the standard deviation of several seeds, in digits that tell them apart."""
    digits = 2
    while (
        digits < 6
        and own
        and other
        and mean(own) != mean(other)
        and _signed(mean(own), digits) == _signed(mean(other), digits)
    ):
        digits += 2
    return _text(own, digits), _text(other, digits)


def _text(values: list[float], digits: int) -> str:
    if not values:
        return "–"
    deviation = spread(values)
    around = "" if deviation is None else f" ±{deviation:.{digits}f}"
    seeds = f" ({counted(len(values), 'seed')})" if len(values) > 1 else ""
    average = mean(values)
    return f"{f'{average:.{digits}f}' if math.isfinite(average) else number(average, digits)}{around}{seeds}"


def _signed(value: float, digits: int = 2) -> str:
    """Return a difference with its sign, a small one with the digits it takes."""
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:+.1g}"
    return signed(value, digits) if math.isinf(value) else f"{value:+.{digits}f}"
