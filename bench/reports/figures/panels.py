"""The panels of a figure: one for each table of the leaderboard, or for each trial."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, FuncFormatter, LogLocator, NullFormatter

from ..leaderboard.leaders import TABLE_KEYS
from .style import INCH, new_figure

#: Letters of a title in one line.
TITLE_LETTERS = 36
#: An axis over less than this factor has its marks at equal distances.
SHORT_WAY = 5
#: One over more than this factor has fewer marks to a power of ten.
LONG_WAY = 50
#: A panel's height with all that is written around it, at least, in cm.
LEAST_HEIGHT = 5.5
#: Width that a panel takes at least where there are several beside each other, in cm, and how many are at most.
LEAST_WIDTH, ACROSS = 7.0, 2
#: A figure that is narrower has its legend below, in so many columns; a line of it takes so many cm.
BESIDE_WIDTH, LEGEND_COLUMNS, LEGEND_LINE = 12.0, 2, 0.42
#: Height of a panel relative to its width.
HEIGHT = 0.75


#: Suite, machine, device, and model with data, as in `TABLE_KEYS`.
TablePlace = tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class Panel:
    """One table of the leaderboard.

    Attributes
    ----------
    frame : DataFrame
        Its rows.
    """

    frame: pd.DataFrame

    def _first(self, column: str) -> object:
        known = self.frame[column].dropna()
        return known.iloc[0] if len(known) else None

    @property
    def place(self) -> TablePlace:
        """Suite, machine, device, and model with data."""
        suite, machine, device, table = (str(self._first(key)) for key in TABLE_KEYS)
        return suite, machine, device, table

    def with_cost(self, column: str) -> pd.DataFrame:
        """Return the rows that have both a cost and a quality."""
        frame = self.frame
        return frame.dropna(subset=[column, "final"]) if column in frame else frame.iloc[:0]

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return str(self._first("metric") or "quality")

    @property
    def quality_label(self) -> str:
        """Name and unit of the metric."""
        return ", ".join(filter(None, (self.metric, str(self._first("unit") or ""))))

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is better."""
        told = self._first("higher_is_better")  # pandas has a boolean of its own
        return told is None or bool(told)


def tables_of(frame: pd.DataFrame) -> Iterator[Panel]:
    """Yield the tables of a leaderboard in its order."""
    for _, rows in frame.groupby(TABLE_KEYS, sort=False, dropna=False):
        yield Panel(rows)


def titles_of(places: Sequence[TablePlace], *, machines: bool = False) -> list[str]:
    """Return a title for each panel: model and data, and what else tells it from the others.

    Parameters
    ----------
    places : sequence of TablePlace
        Of the panels.
    machines : bool
        Name the machines whether they differ or not: what is drawn is theirs.
    """
    differ = [len({place[number] for place in places}) > 1 for number in range(3)]
    titles = []
    for suite, machine, device, table in places:
        start = f"{suite}: {table}" if differ[0] else table
        titles.append(f"{start}, on {machine} ({device})" if machines or differ[1] or differ[2] else start)
    return titles


def panel_grid(count: int, width: float, *, height: float = HEIGHT, across: int = ACROSS) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels, a few beside each other.

    Parameters
    ----------
    count : int
        Panels.
    width : float
        Of the figure in cm.
    height : float
        Of a panel, relative to its width.
    across : int
        Panels beside each other at most.
    """
    columns = max(1, min(count, across, int(width // LEAST_WIDTH)))
    rows = math.ceil(count / columns)
    figure = new_figure(width, rows * max(height * width / columns, LEAST_HEIGHT))
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in grid[count:]:
        figure.delaxes(spare)
    return figure, grid[:count]


def scale_log(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic once all is drawn, with numbers such as 30 and not 3 x 10^1 at its marks."""
    axes.set(**{f"{which}scale": "log"})
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis = axes.xaxis if which == "x" else axes.yaxis
    # powers of ten and their multiples are too few over a short way
    marks = (1.0, 3.0) if high > LONG_WAY * low else (1.0, 2.0, 3.0, 5.0)
    axis.set_major_locator(LogLocator(subs=marks) if high > SHORT_WAY * low else AutoLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def wrapped(title: str) -> str:
    """Return a title in lines that a panel of the least width holds."""
    return "\n".join(textwrap.wrap(title, TITLE_LETTERS))


def add_legend(figure: Figure, grid: Sequence[Axes], *more: tuple[Artist, str]) -> None:
    """Put a legend beside all panels, or below them in a narrow figure: each label once, then what is given."""
    found: dict[str, Artist] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    found |= {label: handle for handle, label in more}
    width, height = figure.get_size_inches()
    if width * INCH >= BESIDE_WIDTH:
        figure.legend(list(found.values()), list(found), loc="outside right upper")
        return
    lines = math.ceil(len(found) / LEGEND_COLUMNS)
    figure.set_size_inches(width, height + (lines * LEGEND_LINE + 0.3) / INCH)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=LEGEND_COLUMNS)
