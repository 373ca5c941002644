"""The figure of training: the loss from epoch to epoch, and the error on both parts of the data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

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
#: Widths of the lines of errors, by the part of the data.
WIDTHS = {"test": 1.4, "train": 0.6}


def draw_curves(records: Sequence[Record], *, linear: bool = False, width: float = DEFAULT_WIDTH) -> Figure:
    """Draw the mean training loss of each epoch, and the error where it was measured, a line for each trial.

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
        A panel for each table, and a second one where trials have learning curves (``measure: {curves: true}``): thick
        lines are of the test data, thin ones of the training data. The colour is the method's, the kind of line the
        budget's. An epoch that ended early counts as a whole one.

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
    kinds = [(place, measured) for place, trained in tables.items() for measured in (False, True)
             if not measured or any(map(_is_measured, trained))]  # fmt: skip
    with styled():
        figure, grid = panel_grid(len(kinds), width)
        for axes, title, (place, measured) in zip(grid, titles_of([place for place, _ in kinds]), kinds, strict=True):
            for record in tables[place]:
                one = Look(DENSE_COLOUR, "*") if record.trial.is_dense else look[record.method.label]
                (_draw_errors if measured else _draw_loss)(axes, record, one, lines[_budget(record)])
            label = _error_label(tables[place]) if measured else "training loss"
            axes.set(title=wrapped(title), xlabel="epoch", ylabel=label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            low, high = axes.get_xlim()
            axes.set_xlim(min(low, 0.5), max(high, 1.5))  # one epoch is a point, around which there would be no mark
            if not linear and not measured:
                scale_log(axes, "y")
        styles = [(Line2D([], [], color="grey", ls=lines[budget]), budget) for budget in budgets if budget]
        if any(measured for _, measured in kinds):
            styles += [(Line2D([], [], color="grey", lw=of), name) for name, of in WIDTHS.items()]
        add_legend(figure, grid, *styles)
    return figure


def _draw_loss(axes: Axes, record: Record, look: Look, line: str) -> None:
    history = _history(record)
    epochs, losses = ([one[name] for one in history] for name in ("epoch", "loss"))
    marker = look.marker if len(history) <= MOST_MARKERS else ""
    axes.plot(epochs, losses, color=look.colour, marker=marker, linestyle=line, label=record.method.label)


def _draw_errors(axes: Axes, record: Record, look: Look, line: str) -> None:
    """Draw the main metric on both parts of the data; a percentage that is to be high as the error, what is missing."""
    metric, history = record.measured.metric, _history(record)
    for part, thickness in WIDTHS.items():
        points = [(one["epoch"], one[key]) for one in history if (key := f"{part}_{metric}") in one]
        values = [100 - value if _is_error(record) else value for _, value in points]
        axes.plot([epoch for epoch, _ in points], values, color=look.colour, linestyle=line, linewidth=thickness,
                  marker=look.marker if len(points) == 1 else "")  # fmt: skip


def _history(record: Record) -> list[dict[str, Any]]:
    assert record.measured.training is not None
    return record.measured.training.history


def _is_measured(record: Record) -> bool:
    return any(f"test_{record.measured.metric}" in one for one in _history(record))


def _is_error(record: Record) -> bool:
    return record.measured.unit == "%" and bool(record.measured.higher_is_better)


def _error_label(records: Sequence[Record]) -> str:
    record = next(filter(_is_measured, records))
    metric, unit = record.measured.metric, record.measured.unit
    name = f"100 % - {metric}" if _is_error(record) else f"{metric}"
    return f"{name}, {unit}" if unit else name


def _budget(record: Record) -> str:
    return str(record.trial.budget or "")
