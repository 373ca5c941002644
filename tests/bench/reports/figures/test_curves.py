"""Training curves: a panel a table, a line a trial."""

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_curves

from ...factories import make_record


def trained(trial, losses, **measured):
    history = [{"epoch": number, "loss": loss} for number, loss in enumerate(losses, start=1)]
    training = {"epochs": float(len(losses)), "steps": 1, "seconds": 1.0, "history": history}
    return make_record(trial, training=training, **measured)


def test_each_trial_has_a_line_of_its_losses(trials):
    dense, svd, tucker2 = trials
    records = [trained(dense, [1.0, 0.5]), trained(svd, [2.0, 1.5, 1.0]), trained(tucker2, [0.3])]
    (axes,) = draw_curves([*records, make_record(svd)]).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1.0, 0.5], [2.0, 1.5, 1.0], [0.3]]
    assert axes.lines[1].get_xdata().tolist() == [1, 2, 3]
    assert axes.get_yscale() == "log"
    assert draw_curves(records, linear=True).axes[0].get_yscale() == "linear"


def test_errors_that_were_measured_have_a_panel_of_their_own(trials):
    record = trained(trials[1], [1.0, 0.5], metric="top1", unit="%", higher_is_better=True)
    history = record.measured.training.history
    for line, train, test in zip(history, (60.0, 80.0), (55.0, 70.0), strict=True):
        line |= {"train_top1": train, "test_top1": test}
    figure = draw_curves([record, trained(trials[2], [0.3], metric="top1", unit="%", higher_is_better=True)])
    losses, errors = figure.axes
    assert [line.get_ydata().tolist() for line in losses.lines] == [[1.0, 0.5], [0.3]]
    drawn = {line.get_linewidth(): line.get_ydata().tolist() for line in errors.lines if len(line.get_ydata())}
    assert list(drawn.values()) == [[45.0, 30.0], [40.0, 20.0]]
    assert max(drawn) == next(iter(drawn))  # the test data's line is the thick one
    assert errors.get_ylabel() == "100 % - top1, %"


def test_trials_that_were_not_trained_leave_nothing_to_draw(trials):
    with pytest.raises(BenchError, match="none of these trials was trained"):
        draw_curves([make_record(trial) for trial in trials])
