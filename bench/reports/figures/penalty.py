"""The figure of the penalty: its strength and what it penalises, layer by layer, as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...base.errors import BenchError
from ...records.record import Moment, Record
from .panels import add_legend, panel_grid, wrapped
from .style import DEFAULT_WIDTH, styled

#: What a panel shows, with how a layer's numbers (one for each block of each unfolding) are put together.
SHOWN = {"strength": ("strength λ (mean of a layer)", fmean), "violation": ("violation (sum of a layer)", sum)}
#: From the first layer to the last, which is short of the map's end: that is too bright for white paper.
COLOURS, LAST = "viridis", 0.9
#: Markers show moments where there are no more than these.
MOST_MARKERS = 10


def draw_penalty(records: Sequence[Record], *, linear: bool = False, width: float = DEFAULT_WIDTH) -> Figure:
    """Draw strength and violation over the epochs, two panels for each record, a line for each layer.

    Parameters
    ----------
    records : sequence of Record
        Of methods that train under a penalty.
    linear : bool
        A linear scale; logarithmic otherwise.
    width : float
        In cm.

    Returns
    -------
    Figure
        The colour goes from the first layer to the last. Methods without a strength, such as those that shrink singular
        values, have one panel.

    Raises
    ------
    BenchError
        A record has nothing of the kind.
    """
    panels: list[tuple[Record, str]] = []
    for record in records:
        told = [name for name in SHOWN if any(_series(_moments(record), name).values())]
        if not told:
            raise BenchError(
                f"{record.name} has no penalty: its method has none, or the record is of before its course was kept"
            )
        panels += [(record, name) for name in told]
    with styled():
        figure, grid = panel_grid(len(panels), width)
        for axes, (record, name) in zip(grid, panels, strict=True):
            _draw(axes, record, name, linear)
        ends = ((0.0, "first layer"), (LAST, "last"))
        add_legend(figure, grid, *((Line2D([], [], color=mpl.colormaps[COLOURS](at)), word) for at, word in ends))
    return figure


def _moments(record: Record) -> list[Moment]:
    return record.measured.training.monitor if record.measured.training else []


def _series(moments: Sequence[Moment], name: str) -> dict[str, list[tuple[float, float]]]:
    """Return, by layer, epoch and value of what is told under a name."""
    _, together = SHOWN[name]
    found: dict[str, list[tuple[float, float]]] = {}
    for moment in moments:
        for layer, numbers in moment.layers.items():
            points = found.setdefault(layer, [])
            if numbers.get(name):
                points.append((moment.epoch, together(numbers[name])))
    return found


def _draw(axes: Axes, record: Record, name: str, linear: bool) -> None:
    lines = _series(_moments(record), name)
    colours = mpl.colormaps[COLOURS]([LAST * number / max(1, len(lines) - 1) for number in range(len(lines))])
    for colour, points in zip(colours, lines.values(), strict=True):
        epochs, values = [epoch for epoch, _ in points], [value for _, value in points]
        axes.plot(epochs, values, color=colour, marker="." if len(points) <= MOST_MARKERS else "")
    budget = f" at {record.trial.budget}" if record.trial.budget else ""
    title = f"{wrapped(record.table)}\n{wrapped(record.method.label + budget)}"
    axes.set(title=title, xlabel="epoch", ylabel=SHOWN[name][0])
    if not linear:
        axes.set_yscale("log", nonpositive="mask")  # a layer that stays dense is no distance from its own weight
