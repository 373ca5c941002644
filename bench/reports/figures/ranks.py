"""The figure of average ranks: a line, with bars over methods that do not differ (Demšar 2006, figure 1)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base.errors import BenchError
from .style import DEFAULT_WIDTH, looks, new_figure, styled

#: Height of a line of text, of a bar, and of what stands above the axis, in cm.
LINE, BAR, HEAD = 0.5, 0.25, 1.3
#: Width of a letter of a name, and what is kept free, in cm; letters of the note to a cm.
LETTER, GAP, NOTE_LETTERS = 0.17, 0.35, 5.5


def draw_ranks(
    ranks: Mapping[str, float],
    *,
    critical_difference: float | None = None,
    groups: Sequence[Sequence[str]] = (),
    note: str = "",
    width: float = DEFAULT_WIDTH,
) -> Figure:
    """Draw average ranks, the best to the left.

    Parameters
    ----------
    ranks : mapping of str to float
        Average rank over the cells by method, 1 being the best.
    critical_difference : float, optional
        Of Nemenyi's test; without it there was no test, and no groups are drawn.
    groups : sequence of sequence of str
        Methods whose ranks do not differ by more than that: a bar joins them.
    note : str
        What stands below: cells, budget, test.
    width : float
        In cm.

    Raises
    ------
    BenchError
        There are fewer than two methods.
    """
    if len(ranks) < 2:
        raise BenchError("nothing to draw: ranks are of two methods or more")
    order = sorted(ranks, key=lambda method: (ranks[method], method))
    lines = math.ceil(len(order) / 2)
    bars = [sorted(ranks[method] for method in group) for group in groups if len(group) > 1]
    depth = BAR * (len(bars) + 1)  # how far below the axis the first name stands
    notes = textwrap.wrap(note, round(NOTE_LETTERS * width))
    height = HEAD + depth + LINE * (lines + 0.5 + len(notes))
    side = LETTER * max(len(_name(method, ranks)) for method in order) + GAP
    with styled():
        figure = new_figure(width, height)
        figure.set_layout_engine("none")  # all places are given
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(-height + HEAD, HEAD))
        axes.axis("off")
        scale = _Scale(len(order), side + GAP, width)
        _draw_axis(axes, len(order), scale)
        if critical_difference is not None:
            _draw_difference(axes, critical_difference, scale)
        for number, bar in enumerate(bars):
            y = -BAR * (number + 1)
            axes.plot([scale(bar[0]) - 0.1, scale(bar[-1]) + 0.1], [y, y], color="black", linewidth=3)
        look = looks(ranks)
        for number, method in enumerate(order):
            left = number < lines
            line = number if left else len(order) - 1 - number
            y, end = -depth - LINE * line, side if left else width - side
            x = scale(ranks[method])
            one = look[method]
            axes.plot([x, x, end], [0, y, y], color=one.colour, linewidth=1, marker=one.marker, markevery=[2])
            name, away = _name(method, ranks), -GAP / 2 if left else GAP / 2
            axes.text(end + away, y, name, ha="right" if left else "left", va="center")
        for number, text in enumerate(reversed(notes)):
            y = -height + HEAD + LINE * (number + 0.5)
            axes.text(width / 2, y, text, ha="center", va="center", fontsize="small")
    return figure


def _name(method: str, ranks: Mapping[str, float]) -> str:
    return f"{method}  {ranks[method]:.2f}"


class _Scale:
    """Place of a rank on the axis in cm."""

    def __init__(self, count: int, start: float, width: float) -> None:
        self.start, self.length, self.count = start, width - 2 * start, count

    def __call__(self, rank: float) -> float:
        return self.start + self.length * (rank - 1) / (self.count - 1)


def _draw_axis(axes: Axes, count: int, scale: _Scale) -> None:
    axes.plot([scale(1), scale(count)], [0, 0], color="black")
    for rank in range(1, count + 1):
        axes.plot([scale(rank)] * 2, [0, 0.12], color="black")
        axes.text(scale(rank), 0.2, str(rank), ha="center", va="bottom", fontsize="small")


def _draw_difference(axes: Axes, difference: float, scale: _Scale) -> None:
    """Draw the critical difference as a length above the axis."""
    start, y = scale(1), 0.85
    end = start + scale(1 + difference) - scale(1)
    axes.plot([start, end], [y, y], color="black")
    for x in (start, end):
        axes.plot([x, x], [y - 0.06, y + 0.06], color="black")
    axes.text(start, y + 0.1, f"critical difference {difference:.2f}", ha="left", va="bottom", fontsize="small")
