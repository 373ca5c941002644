"""The figure of training: the loss from epoch to epoch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...base.errors import BenchError
from ...records.record import Record
from .panels import TablePlace, add_legend, panel_grid, scale_log, titles_of, wrapped
from .style import DEFAULT_WIDTH, DENSE_COLOUR, LINES, Look, looks, styled

#: With more epochs than these there is a line without markers.
MOST_MARKERS = 30


def draw_curves(records: Sequence[Record], *, linear: bool = False, width: float = DEFAULT_WIDTH) -> Figure:
    """Draw the mean training loss of each epoch, a panel for each table, a line for each trial.

    Parameters
    ----------
    records : sequence of Record
        Those that were not trained are left out.
    linear : bool
        A linear scale of the loss; logarithmic otherwise.
    width : float
        In cm.

    Returns
    -------
    Figure
        The colour is the method's, the kind of line the budget's. An epoch that ended early counts as a whole one.

    Raises
    ------
    BenchError
        None was trained.
    """
    tables: dict[TablePlace, list[Record]] = {}
    for record in records:
        if record.measured.training and record.measured.training.history:
            place = (record.trial.suite, record.machine, record.trial.device, record.table)
            tables.setdefault(place, []).append(record)
    if not tables:
        raise BenchError("nothing to draw: none of these trials was trained")
    look = looks(record.method.label for trained in tables.values() for record in trained if not record.trial.is_dense)
    budgets = list(dict.fromkeys(_budget(record) for trained in tables.values() for record in trained))
    lines = dict(zip(budgets, itertools.cycle(LINES)))
    with styled():
        figure, grid = panel_grid(len(tables), width)
        for axes, title, trained in zip(grid, titles_of(list(tables)), tables.values(), strict=True):
            for record in trained:
                one = Look(DENSE_COLOUR, "*") if record.trial.is_dense else look[record.method.label]
                _draw(axes, record, one, lines[_budget(record)])
            axes.set(title=wrapped(title), xlabel="epoch", ylabel="training loss")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            low, high = axes.get_xlim()
            axes.set_xlim(min(low, 0.5), max(high, 1.5))  # one epoch is a point, around which there would be no mark
            if not linear:
                scale_log(axes, "y")
        styles = [(Line2D([], [], color="grey", ls=lines[budget]), budget) for budget in budgets if budget]
        add_legend(figure, grid, *styles)
    return figure


def _draw(axes: Axes, record: Record, look: Look, line: str) -> None:
    assert record.measured.training is not None
    history = record.measured.training.history
    epochs, losses = ([one[name] for one in history] for name in ("epoch", "loss"))
    marker = look.marker if len(history) <= MOST_MARKERS else ""
    axes.plot(epochs, losses, color=look.colour, marker=marker, linestyle=line, label=record.method.label)


def _budget(record: Record) -> str:
    return str(record.trial.budget or "")
