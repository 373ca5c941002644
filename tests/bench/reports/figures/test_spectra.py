"""Singular values before and after training: a panel a layer, four lines and the ranks that were wanted."""

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import FigureKind, Options, draw_spectra, make_figure

from ...factories import make_record


def learnt(trial, layers, rank=2):
    spectra = [
        {"layer": f"layer{number}", "unfolding": side, "rank": rank, "places": [1, 2, 4],
         "before": [3.0, 2.0, 1.0], "after": [3.0, 2.5, 0.0]}
        for number in range(layers) for side in ("out", "in")
    ]  # fmt: skip
    training = {"epochs": 1.0, "steps": 1, "seconds": 1.0, "history": [], "spectra": spectra}
    return make_record(trial, training=training)


def test_a_layer_has_its_values_before_and_after_along_both_sides(trials):
    (axes,) = draw_spectra([learnt(trials[2], 1)]).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert [line.get_xdata().tolist() for line in lines] == [[1, 2, 4]] * 4
    # zero has no logarithm: it is drawn at a millionth of the largest
    assert [line.get_ydata().tolist() for line in lines] == [[3.0, 2.0, 1.0], pytest.approx([3.0, 2.5, 3e-6])] * 2
    assert [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2] == [2, 2]
    assert axes.get_title().endswith("layer0")
    (axes,) = draw_spectra([learnt(trials[2], 1)], linear=True).axes
    assert axes.lines[1].get_ydata().tolist() == [3.0, 2.5, 0.0]


def test_layers_shown_are_spread_over_the_network(trials):
    alone = draw_spectra([learnt(trials[2], 10)]).axes
    assert [axes.get_title().rpartition("\n")[2] for axes in alone] == ["layer0", "layer3", "layer6", "layer9"]
    of_two = draw_spectra([learnt(trials[1], 10), learnt(trials[2], 10)]).axes
    assert [axes.get_title().rpartition("\n")[2] for axes in of_two] == ["layer0", "layer9"] * 2


def test_a_rank_that_training_chose_has_no_line(trials):
    (axes,) = draw_spectra([learnt(trials[2], 1, rank=None)]).axes
    assert {len(line.get_xdata()) for line in axes.lines} == {3}


@pytest.mark.parametrize("kind", [FigureKind.SPECTRA, FigureKind.PENALTY])
def test_rows_without_them_are_left_out_and_none_at_all_is_an_error(trials, kind):
    with pytest.raises(BenchError, match=r"no row has training\."):
        make_figure(kind, [make_record(trial) for trial in trials], Options())
    if kind is FigureKind.SPECTRA:
        figure = make_figure(kind, [make_record(trials[1]), learnt(trials[2], 1)], Options())
        assert len(figure.axes) == 1
