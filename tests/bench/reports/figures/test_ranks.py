"""Average ranks on a line: every method at its rank, bars over groups."""

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_ranks


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_method_stands_with_its_rank_and_a_line_down_from_it():
    figure = draw_ranks({"svd": 2.5, "cp": 1.0, "tt": 2.5})
    assert {"cp  1.00", "svd  2.50", "tt  2.50"} <= set(texts(figure))
    starts = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    best, second, third = starts
    assert best < second == third
    axis = figure.axes[0].lines[0].get_xdata()
    assert (best - axis[0], third - axis[0]) == pytest.approx((0.0, 0.75 * (axis[1] - axis[0])))


def test_groups_of_two_and_more_have_a_bar():
    groups = [["cp", "svd"], ["tt"]]
    with_bars, without = draw_ranks({"svd": 2.0, "cp": 1.0, "tt": 3.0}, groups=groups), draw_ranks({"svd": 2, "cp": 1})
    assert [len([line for line in one.axes[0].lines if line.get_linewidth() == 3]) for one in (with_bars, without)] == [
        1,
        0,
    ]


def test_a_test_that_was_not_made_draws_no_difference():
    told, silent = (draw_ranks({"svd": 2.0, "cp": 1.0}, critical_difference=one, note="why") for one in (0.8, None))
    assert "critical difference 0.80" in texts(told)
    assert not any("critical" in text for text in texts(silent))
    assert "why" in texts(silent)


def test_one_method_has_no_rank():
    with pytest.raises(BenchError, match="two methods or more"):
        draw_ranks({"svd": 1.0})
