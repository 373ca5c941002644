"""Tables in words, whatever they are of: columns of texts, and which of them fit a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

#: Characters beyond which a single word of a text is broken, where a table is to fit.
LONGEST_WORD = 12
#: Blanks between two columns.
GAP = 2


@dataclass(frozen=True)
class TextColumn:
    """One column of a table.

    Attributes
    ----------
    heading
        Its words may stand below each other.
    cells
        A text for each row.
    rank
        0: always shown; of the others those of the highest rank are left out first.
    number
        Whether the cells are numbers, which stand to the right.
    folds
        Whether the cells are texts that may go on in a second line; numbers never do.
    brief
        What is shown instead, where this is too wide.
    meaning
        What the heading leaves open.
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
    """One table in words: what terminal, Markdown and LaTeX show.

    Attributes
    ----------
    title
        What it is of, and where that was measured.
    columns
        From left to right.
    groups
        What each row belongs to, such as its budget: between rows of different groups there is a line.
    footnotes
        Numbered from 1; cells refer to them.
    left_out
        Headings of the columns that did not fit.
    """

    title: str
    columns: list[TextColumn]
    groups: list[str]
    footnotes: list[str]
    left_out: tuple[str, ...] = ()

    @property
    def rows(self) -> list[list[str]]:
        """The cells row by row."""
        return [[column.cells[place] for column in self.columns] for place in range(len(self.groups))]

    def ends_group(self, place: int) -> bool:
        """Tell whether the next row belongs to another group."""
        return place + 1 < len(self.groups) and self.groups[place + 1] != self.groups[place]

    @property
    def legend(self) -> str:
        """What the headings leave open."""
        return " ".join(dict.fromkeys(column.meaning for column in self.columns if column.meaning))

    def widths(self, available: int | None = None) -> list[int]:
        """Return the width of each column; where these are more than available, texts are folded."""
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
        """Return the table with as many columns as ``width`` characters hold; what is always shown stays."""
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
    """Return a number with some decimals and its thousands apart; nothing for None."""
    return "" if value is None else f"{value:,.{digits}f}"
