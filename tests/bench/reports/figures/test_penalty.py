"""The penalty over the epochs: strength and violation of each layer."""

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_penalty

from ...factories import make_record


def watched(trial, *, strength=True):
    moments = [
        {
            "step": step,
            "epoch": step / 2,
            "layers": {
                path: {"violation": [scale / step, 1.0]} | ({"strength": [0.1 * step, 0.3 * step]} if strength else {})
                for path, scale in (("a", 4.0), ("b", 8.0))
            },
        }
        for step in (1, 2)
    ]
    return make_record(trial, training={"epochs": 1.0, "steps": 2, "seconds": 1.0, "history": [], "monitor": moments})


def test_each_layer_has_a_line_of_strengths_and_one_of_violations(trials):
    strength, violation = draw_penalty([watched(trials[2])]).axes
    assert [line.get_xdata().tolist() for line in strength.lines] == [[0.5, 1.0]] * 2
    assert [line.get_ydata().tolist() for line in strength.lines] == [pytest.approx([0.2, 0.4])] * 2
    assert [line.get_ydata().tolist() for line in violation.lines] == [[5.0, 3.0], [9.0, 5.0]]
    assert strength.lines[0].get_color().tolist() != strength.lines[1].get_color().tolist()


def test_a_method_without_a_strength_has_one_panel(trials):
    (axes,) = draw_penalty([watched(trials[2], strength=False)], linear=True).axes
    assert axes.get_ylabel().startswith("violation")
    assert axes.get_yscale() == "linear"


def test_a_record_without_a_penalty_is_named(trials):
    with pytest.raises(BenchError, match="has no penalty"):
        draw_penalty([make_record(trials[1])])
