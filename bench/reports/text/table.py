"""The table that people read: columns of texts, and which of them fit a width.

Terminal, Markdown and LaTeX each have one writer for it, in this folder; CSV and JSON are written from the values that
the texts are made from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

#: Characters beyond which a single word of a text is broken, where a table is to fit.
LONGEST_WORD = 12
#: Blanks between two columns.
GAP = 2
#: Characters that move a cursor, start a terminal's command or turn a text around.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """Return a text in one line: blanks for line ends and tabs, and � for characters that control a terminal."""
    return CONTROLS.sub("�", " ".join(text.split()))


@dataclass(frozen=True)
class TextColumn:
    """One column of a table.

    Attributes
    ----------
    heading
        Its words may stand below each other.
    cells
        A text for each row; every text of a table is made :func:`one_line`.
    rank
        0: always shown; of the others those of the highest rank are left out first.
    number
        Whether the cells are numbers, which stand to the right.
    folds
        Whether a cell may go on in a second line.
    brief
        The column that is shown instead where this one is too wide.
    meaning
        A sentence below the table on what the heading leaves open.
    bold
        Rows whose cell stands out.
    """

    heading: str
    cells: list[str]
    rank: int = 0
    number: bool = True
    folds: bool = False
    brief: TextColumn | None = None
    meaning: str = ""
    bold: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", one_line(self.heading))
        object.__setattr__(self, "cells", [one_line(cell) for cell in self.cells])
        object.__setattr__(self, "meaning", one_line(self.meaning))

    @property
    def width(self) -> int:
        """Width in which no cell and no word of the heading is folded."""
        return max(map(cell_len, [*self.cells, *self.heading.split()]))

    @property
    def narrowest(self) -> int:
        """Width that the column may be squeezed to."""
        if not self.folds:
            return self.width
        words = " ".join([self.heading, *self.cells]).split()
        return min(LONGEST_WORD, max(map(cell_len, words)))


@dataclass(frozen=True)
class TextTable:
    """One table of texts: what terminal, Markdown and LaTeX show.

    Attributes
    ----------
    title
        The subject of the table, and where it was measured; empty for a table without a title.
    columns
        From left to right.
    groups
        The group of each row, such as its budget: between rows of different groups there is a line.
    footnotes
        Numbered from 1; cells refer to them.
    left_out
        Headings of the columns that did not fit.
    caption
        What the table comes to, in a few words that follow the title.
    """

    title: str
    columns: list[TextColumn]
    groups: list[str]
    footnotes: list[str]
    left_out: tuple[str, ...] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
        object.__setattr__(self, "caption", one_line(self.caption))
        object.__setattr__(self, "footnotes", [one_line(note) for note in self.footnotes])

    @property
    def heading(self) -> str:
        """Title and caption; empty where the table has neither."""
        return ": ".join(filter(None, (self.title, self.caption)))

    @property
    def rows(self) -> list[list[str]]:
        """The cells row by row."""
        return [[column.cells[place] for column in self.columns] for place in range(len(self.groups))]

    def ends_group(self, place: int) -> bool:
        """Tell whether the next row belongs to another group."""
        return place + 1 < len(self.groups) and self.groups[place + 1] != self.groups[place]

    @property
    def legend(self) -> str:
        """The columns' meanings, each once."""
        return " ".join(dict.fromkeys(column.meaning for column in self.columns if column.meaning))

    def widths(self, available: int | None = None) -> list[int]:
        """Return the width of each column; where there is too little room, columns that fold are narrower."""
        if available is None:
            return [column.width for column in self.columns]
        widths = [column.narrowest for column in self.columns]
        spare = available - total_width(widths)
        for place in reversed(range(len(widths))):
            more = min(max(0, spare), self.columns[place].width - widths[place])
            widths[place] += more
            spare -= more
        return widths

    def fitted(self, width: int) -> TextTable:
        """Return the table with as many columns as ``width`` characters hold; columns of rank 0 always stay."""
        columns = list(self.columns)
        while total_width([column.narrowest for column in columns]) > width:
            least = max(columns, key=lambda column: column.rank)
            if least.rank == 0:
                break
            place = columns.index(least)
            columns[place : place + 1] = [least.brief] if least.brief else []
        shown = {column.heading for column in columns}
        left_out = dict.fromkeys(column.heading for column in self.columns if column.heading not in shown)
        return replace(self, columns=columns, left_out=tuple(left_out))


def total_width(widths: Sequence[int]) -> int:
    """Return the width of a table with columns of these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def number(value: float | None, digits: int) -> str:
    """Return a number with ``digits`` decimals and its thousands apart; ``∞``; an empty text for None."""
    if value is not None and math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return "" if value is None else f"{value:,.{digits}f}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign: ``+1.25``, ``-∞``."""
    return number(value, digits) if value < 0 else f"+{number(value, digits)}"
