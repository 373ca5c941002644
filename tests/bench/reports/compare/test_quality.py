"""Quality: differences beyond the spread of seeds, and the verdict where no spread is known."""

import math
from statistics import mean, variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from decompbench.bench.reports.statistics import welch_interval

from .factories import compared, findings, with_machine


def test_within_the_seeds_spread_is_the_same_and_beyond_it_is_not(svd):
    before = svd(90.0, 91.0, 92.0)
    assert findings(before, svd(91.5, 89.5, 90.6)) == []
    assert findings(before, svd(80.0, 81.0, 82.0)) == [("top1 %", "regression")]
    assert findings(svd(80.0, 81.0, 82.0), before) == [("top1 %", "improvement")]
    (row,) = compared(before, svd(80.0, 81.0, 82.0)).rows
    (finding,) = [one for one in row.findings if one.what == "top1 %"]
    assert finding.before == "91.00 ±1.00 (3 seeds)"
    assert finding.change == "-10.00 [-12.27, -7.73]"  # 2.776 of Student's t at 4 degrees times sqrt(2 / 3)


def test_the_threshold_is_not_for_what_has_a_known_spread(svd):
    """0.06 is far beyond a spread of 0.001, and a threshold does not hide it."""
    tight = svd(90.0, 90.001, 90.002), svd(89.94, 89.941, 89.942)
    assert findings(*tight, quality=5.0) == [("top1 %", "regression")]


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(0, 100), min_size=2, max_size=6, unique=True),
)
def test_the_interval_is_welchs(a, b):
    """With the degrees of freedom of Welch and Satterthwaite, written out."""
    one, other = variance(a) / len(a), variance(b) / len(b)
    if one + other < 1e-9:
        return
    degrees = (one + other) ** 2 / (one**2 / (len(a) - 1) + other**2 / (len(b) - 1))
    half = stats.t.ppf(0.975, degrees) * math.sqrt(one + other)
    difference = mean(b) - mean(a)
    assert welch_interval(a, b) == pytest.approx((difference - half, difference + half), rel=1e-6, abs=1e-6)


def test_seeds_that_all_came_out_alike_have_no_spread():
    assert welch_interval([90.0, 90.0], [89.0, 89.0]) == (-1.0, -1.0)


@pytest.mark.parametrize(
    ("after", "options", "verdict"),
    [
        (89.5, {}, "changed"),
        (89.0, {}, "changed"),  # not beyond 1
        (88.9, {}, "regression"),
        (91.1, {}, "improvement"),
        (89.5, {"quality": 0.4}, "regression"),
        (88.9, {"quality": 2.0}, "changed"),
    ],
)
def test_of_one_seed_no_spread_is_known(svd, after, options, verdict):
    a, b = svd(90.0), svd(after)
    assert findings(a, b, **options) == [("top1 %", verdict)]
    assert "spread unknown" in _quality(a, b, **options).change
    # several seeds in one set say nothing of the other's
    assert "spread unknown" in _quality(svd(90.0, 90.0, 90.0), b, **options).change


@pytest.mark.parametrize(("unit", "after", "verdict"), [("dB", 29.95, "changed"), ("dB", 29.85, "regression"),
                                                        ("", 29.75, "changed"), ("", 29.65, "regression")])  # fmt: skip
def test_thresholds_are_those_of_the_unit(svd, unit, after, verdict):
    assert _quality(svd(30.0, unit=unit), svd(after, unit=unit)).verdict == verdict


def test_lower_is_better_turns_the_verdict_round(svd):
    assert _quality(svd(2.0, higher=False), svd(8.0, higher=False)).verdict == "regression"
    assert _quality(svd(2.0, higher=True), svd(8.0, higher=True)).verdict == "improvement"


def test_equal_hashes_mean_the_same_weights(svd):
    a, b = svd(90.0, state_sha256="x"), svd(90.0, state_sha256="x")
    assert (_quality(a, b).verdict, _quality(a, b).change) == ("same", "same weights")
    scored = _quality(a, svd(89.0, state_sha256="x"), quality=0.5)
    assert (scored.verdict, scored.change) == ("regression", "-1.00, same weights, scored differently, beyond 0.5 %")
    assert _quality(a, svd(90.0, state_sha256="y")).change == ""
    assert _quality(svd(90.0), svd(90.0)).change == ""  # no hash is not an equal hash


def test_runs_that_should_be_reproducible_and_are_not_are_told(svd):
    a, b = svd(90.0, state_sha256="x"), svd(90.0, state_sha256="y")
    assert any("not reproducible" in note for note in compared(a, b).notes)
    assert not any("not reproducible" in note for note in compared(a, a).notes)
    newer = [record.model_copy(update={"key": "new"}) for record in b]
    assert not any("not reproducible" in note for note in compared(a, newer).notes)
    assert not any("not reproducible" in note for note in compared(a, with_machine(b, "other")).notes)


def test_what_is_not_finite_is_a_regression(svd):
    lost = svd(90.0, quality={"finished": {"top1": None}})
    assert findings(svd(90.0), lost) == [("top1 %", "regression")]
    assert findings(lost, svd(90.0)) == [("top1 %", "improvement")]
    assert findings(lost, lost) == []
    assert findings(svd(90.0, 90.0), [*lost, svd(90.0, 90.0)[1]]) == [("top1 %", "regression")]


def test_further_metrics_that_tables_show_are_compared_and_others_are_not(svd):
    def scored(shown, hidden, **more):
        quality = {"finished": {"top1": 90.0, "top5": shown, "loss": hidden}}
        return svd(90.0, quality=quality, also_shown={"top5": "%"}, **more)

    assert findings(scored(99.0, 1.0), scored(95.0, 5.0)) == [("top5 %", "regression")]
    assert findings(scored(99.0, 1.0), svd(90.0)) == [("top5 %", "changed")]


def test_a_model_that_deploying_breaks_is_a_regression(svd):
    broken = svd(90.0, deployed=70.0)
    assert findings(svd(90.0), broken) == [("top1 %, deployed less finished", "regression")]
    assert findings(broken, broken) == []


def test_chance_is_told_where_spreads_were_tested(svd):
    (note,) = compared(svd(90.0, 91.0), svd(90.5, 91.5)).notes
    assert "1 difference of quality" in note
    assert "about 0.1" in note


def _quality(a, b, **options):
    (row,) = compared(a, b, **options).rows
    return next(one for one in row.findings if one.kind == "quality")
