"""Latency: on one machine, apart in their intervals, beyond the threshold, and not on a busy machine."""

import pytest

from ...factories import latency
from .factories import compared, findings, with_machine


def timed(svd, low, high, load=0.0, **changes):
    middle = (low + high) / 2
    return svd(90.0, latency=[latency(middle, load) | {"ratio_interval": (low, high)} | changes])


@pytest.mark.parametrize(
    ("before", "after", "options", "verdict"),
    [
        ((0.50, 0.60), (0.65, 0.70), {}, "regression"),
        ((0.65, 0.70), (0.50, 0.60), {}, "improvement"),
        ((0.50, 0.60), (0.59, 0.90), {}, None),  # the intervals overlap
        ((0.50, 0.51), (0.52, 0.53), {}, None),  # apart, by less than 5 %
        ((0.50, 0.51), (0.52, 0.53), {"latency": 0.0}, "regression"),
        ((0.50, 0.60), (0.65, 0.70), {"latency": 0.5}, None),
    ],
)
def test_times_count_where_intervals_are_apart_and_beyond_the_threshold(svd, before, after, options, verdict):
    expected = [("time b1 / dense", verdict)] if verdict else []
    assert findings(timed(svd, *before), timed(svd, *after), **options) == expected


@pytest.mark.parametrize("loads", [(0.5, 0.0), (0.0, 0.5)])
def test_times_of_a_busy_machine_are_noisy_and_count_neither_way(svd, loads):
    a, b = timed(svd, 0.5, 0.6, loads[0]), timed(svd, 1.5, 1.6, loads[1])
    comparison = compared(a, b)
    assert findings(a, b) == findings(b, a) == [("time b1 / dense", "changed")]
    (finding,) = comparison.of("changed")
    assert "noisy: other processes kept cores busy" in finding[1].change
    assert any("busy machine" in note for note in comparison.notes)


def test_times_of_different_machines_are_not_compared_and_all_else_is(svd):
    a = timed(svd, 0.5, 0.6)
    b = with_machine(timed(svd, 1.5, 1.6), "other")
    assert findings(a, b) == []
    assert any("different machines (machine → other)" in note for note in compared(a, b).notes)
    worse = with_machine(svd(70.0, weights=101), "other")
    assert ("conv_weights", "regression") in findings(a, worse)
    assert ("top1 %", "regression") in findings(a, worse)


def test_times_taken_otherwise_are_not_compared(svd):
    a, b = timed(svd, 0.5, 0.6), timed(svd, 1.5, 1.6, threads=1)
    assert findings(a, b) == [("time b1 / dense", "changed")]
    assert findings(a, timed(svd, 1.5, 1.6, batch_size=8)) == [("time b1 / dense", "changed")]


def test_several_seeds_have_the_widest_interval(svd):
    a = timed(svd, 0.5, 0.6)
    wide = svd(90.0, 90.0, latency=[latency(0.5) | {"ratio_interval": (0.4, 0.99)}])
    wide[0] = timed(svd, 0.5, 0.6)[0]
    both = [*timed(svd, 1.0, 1.2), svd(90.0, 90.0, latency=[latency(1.1) | {"ratio_interval": (0.98, 1.2)}])[1]]
    assert findings(wide, both) == []
    assert findings(a, timed(svd, 1.0, 1.2)) == [("time b1 / dense", "regression")]
