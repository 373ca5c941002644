"""Intervals hold what they should as often as they say, also where samples depend on those before them."""

import numpy as np
import pytest

from decompbench.bench.measure.intervals import CONFIDENCE, LEAST_UNITS, estimate, independent, paired_ratio


def drifting(generator, count, memory):
    """Log-normal samples around 1 whose logarithms remember the last one."""
    noise = 0.05 * generator.standard_normal(count)
    logs = np.zeros(count)
    for index in range(1, count):
        logs[index] = memory * logs[index - 1] + noise[index]
    return np.exp(logs)


@pytest.mark.parametrize(("count", "memory"), [(8, 0.0), (10, 0.0), (16, 0.0), (150, 0.0), (400, 0.5)])
def test_interval_holds_the_true_median_as_often_as_it_says(count, memory):
    generator = np.random.default_rng(0)
    repeats = 500
    found = [estimate(drifting(generator, count, memory)) for _ in range(repeats)]
    share = sum(one.low <= 1 <= one.high for one in found) / repeats
    # the standard error of a share of 99 % in 500 is 0.4 %; what dependence is left costs another percent
    assert share >= CONFIDENCE - (0.01 if memory == 0 else 0.02)


def test_dependence_left_alone_would_show_differences_that_are_not_there(monkeypatch):
    generator = np.random.default_rng(0)
    samples = [drifting(generator, 400, 0.8) for _ in range(200)]

    def missed():
        return sum(not one.low <= 1 <= one.high for one in map(estimate, samples))

    with_averaging = missed()
    monkeypatch.setattr("decompbench.bench.measure.intervals.independent", lambda values: values)
    assert with_averaging < 8 < 30 < missed()


def test_independent_samples_stay_as_they_are_and_dependent_ones_are_averaged_to_no_fewer_than_needed():
    generator = np.random.default_rng(1)
    assert len(independent(drifting(generator, 200, 0.0))) == 200
    walk = np.exp(np.cumsum(0.01 * generator.standard_normal(200)))
    assert LEAST_UNITS <= len(independent(walk)) < 2 * LEAST_UNITS


def test_equal_samples_and_single_ones_have_an_interval_without_width():
    for samples in ([2.0] * 30, [2.0]):
        one = estimate(samples)
        assert (one.value, one.low, one.high, one.half_width) == (2.0, 2.0, 2.0, 0.0)


def test_of_too_few_samples_the_interval_is_all_there_is():
    one = estimate([1.0, 2.0, 4.0, 3.0])
    assert (one.value, one.low, one.high) == (2.5, 1.0, 4.0)


def test_a_slow_phase_of_the_machine_leaves_the_paired_ratio_alone():
    generator = np.random.default_rng(2)
    phase = np.repeat([1.0, 5.0, 1.0, 3.0], 25)
    own, base = (phase * factor * np.exp(0.01 * generator.standard_normal(100)) for factor in (0.5, 1.0))
    ratio = paired_ratio(own, base)
    assert ratio.low <= 0.5 <= ratio.high
    assert ratio.half_width < 0.01
    assert estimate(own).half_width > 0.3
