"""The leaderboard's tables in words: which columns there are, and which of them fit a width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from rich.cells import cell_len

from .leaderboard import ALSO_FINAL

#: What tells one table of the leaderboard from another.
TABLE_KEYS = ["suite", "machine", "device", "table"]
RATIO_COLUMN = re.compile(r"latency_(?:(?P<form>.+)_)?b(?P<batch>\d+)_ratio")
#: Characters beyond which a single word of a text is broken, where a table is to fit.
LONGEST_WORD = 12
#: Blanks between two columns.
GAP = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
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
    """

    heading: str
    cells: list[str]
    rank: int = 0
    number: bool = True
    folds: bool = False
    brief: Column | None = None
    meaning: str = ""

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
    """One table in words: what terminal and Markdown show.

    Attributes
    ----------
    title
        Suite, model, data and machine.
    columns
        The first has the names of the methods.
    budgets
        The budget of each row: rows of one budget stand together.
    footnotes
        Numbered from 1; the column ``status`` refers to them.
    left_out
        Headings of the columns that did not fit.
    """

    title: str
    columns: list[Column]
    budgets: list[str]
    footnotes: list[str]
    left_out: tuple[str, ...] = ()

    @property
    def rows(self) -> list[list[str]]:
        """The cells row by row."""
        return [[column.cells[number] for column in self.columns] for number in range(len(self.budgets))]

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
        for number in reversed(range(len(widths))):
            more = min(max(0, spare), self.columns[number].width - widths[number])
            widths[number] += more
            spare -= more
        return widths

    def fitted(self, width: int) -> TextTable:
        """Return the table with as many columns as ``width`` characters hold; what is always shown stays."""
        columns = list(self.columns)
        while total_width([column.narrowest for column in columns]) > width:
            least = max(columns, key=lambda column: column.rank)
            if least.rank == 0:
                break
            number = columns.index(least)
            columns[number : number + 1] = [least.brief] if least.brief else []
        shown = {column.heading for column in columns}
        left_out = dict.fromkeys(column.heading for column in self.columns if column.heading not in shown)
        return replace(self, columns=columns, left_out=tuple(left_out))


def total_width(widths: Sequence[int]) -> int:
    """Return the width of a table with columns of these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def text_tables(frame: pd.DataFrame) -> Iterator[TextTable]:
    """Yield a table for each suite, machine, device, model and data, in the frame's order.

    Parameters
    ----------
    frame
        From :func:`.leaderboard.leaderboard`; an empty one has no tables.
    """
    if frame.empty:
        return
    for _, part in frame.groupby(TABLE_KEYS, sort=False):
        yield _text_table([{str(name): plain(value) for name, value in row.items()} for row in part.to_dict("records")])


def plain(value: Any) -> Any:
    """Return None for pandas' missing values, and Python's numbers for numpy's."""
    if isinstance(value, (list, dict)):
        return value
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _text_table(rows: list[Row]) -> TextTable:
    first = rows[0]
    footnotes = list(dict.fromkeys(note for row in rows for note in row["notes"]))
    title = f"{first['suite']}: {first['table']}, {first['task']}, on {first['machine']} ({first['device']})"
    return TextTable(title, _columns(rows, footnotes), [row["budget"] for row in rows], footnotes)


def _columns(rows: list[Row], footnotes: list[str]) -> list[Column]:
    """Return all columns, from left to right."""
    kinds = ["" if row["kind"] == "none" else row["kind"] for row in rows]
    knobs = [_knob(row["knob"]) for row in rows]
    disk = [_number(row["disk"] and row["disk"] / 1000, 1) for row in rows]
    knob_meaning = "knob: what the budget set, over the layers."
    share = "%, MACs %: of the dense model's, in compact form."
    return [
        Column("method", [row["method"] for row in rows], number=False, folds=True),
        Column("kind", kinds, rank=9, number=False),
        Column("budget", [row["budget"] for row in rows], number=False),
        Column("knob", knobs, rank=10, number=False, meaning=knob_meaning),
        Column("conv weights", _numbers(rows, "conv_weights", 0), rank=8),
        Column("%", _numbers(rows, "conv_weights_percent", 1), meaning=share),
        Column("MACs %", _numbers(rows, "macs_percent", 1), rank=1, meaning=share),
        Column("disk kB", disk, rank=11),
        *_times(rows),
        *_qualities(rows),
        Column("status", [_status(row, footnotes) for row in rows], number=False, folds=True),
    ]


def _qualities(rows: list[Row]) -> Iterator[Column]:
    """Yield what training came to; nothing for a task that trains and scores nothing."""
    if all(row["metric"] is None and row["status"] in ("ok", "skipped") for row in rows):
        return
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    metric = next((row["metric"] for row in rows if row["metric"]), "quality")
    meaning = "before, after dec.: quality just before and just after the layers were decomposed."
    yield Column("before dec.", _numbers(rows, "before_decomposition", 2), rank=7, meaning=meaning)
    yield Column("after dec.", _numbers(rows, "after_decomposition", 2), rank=6, meaning=meaning)
    yield Column(f"{metric} {unit}", [_final(row) for row in rows])
    yield from _also_final(rows)
    yield Column("drop", _numbers(rows, "drop", 2), meaning="drop: against the dense row.")
    yield Column("train s", _numbers(rows, "train_seconds", 1), rank=5)


def _times(rows: list[Row]) -> Iterator[Column]:
    """Yield two columns for each batch size and form: the ratio with its interval, and the MACs that were run."""
    measured = dict.fromkeys(name for row in rows for name in row if row[name] is not None)
    matches = [match for name in measured if (match := RATIO_COLUMN.fullmatch(name))]
    matches.sort(key=lambda match: (match["form"] or "", int(match["batch"])))
    for number, match in enumerate(matches):
        prefix = match.string.removesuffix("_ratio")
        title = " ".join(filter(None, (f"time b{match['batch']}", match["form"])))
        means = (
            "time bN: of a batch of N, deployed in the fastest form of each layer"
            + (", run in the form named" if any(one["form"] for one in matches) else "")
            + ", relative to the dense model deployed alike"
        )
        ratios = _numbers(rows, f"{prefix}_ratio", 2)
        full = [_with_interval(ratio, row, prefix) for ratio, row in zip(ratios, rows, strict=True)]
        # the first batch size goes last
        brief = Column(title, ratios, rank=3 if number else 2, meaning=f"{means}.")
        levels = sorted({row[f"{prefix}_confidence"] for row in rows if row.get(f"{prefix}_confidence") is not None})
        interval = " or ".join(f"{100 * level:g} %" for level in levels)
        yield Column(
            f"{title} / dense",
            full,
            rank=4,
            brief=brief,
            meaning=f"{means}, {interval} interval, the widest of a row's seeds.",
        )
        run = "MACs run %: what that form computes."
        yield Column("MACs run %", _numbers(rows, f"{prefix}_percent", 1), rank=12, meaning=run)


def _also_final(rows: list[Row]) -> Iterator[Column]:
    """Yield a column for each further metric that the task shows, such as those of other test sets."""
    named = dict.fromkeys(name for row in rows for name in row if name.startswith(ALSO_FINAL) and row[name] is not None)
    for name in named:
        yield Column(name.removeprefix(ALSO_FINAL), _numbers(rows, name, 2), rank=1)


def _with_interval(ratio: str, row: Row, prefix: str) -> str:
    return ratio and f"{ratio} [{row[f'{prefix}_low']:.2f}, {row[f'{prefix}_high']:.2f}]"


def _final(row: Row) -> str:
    return _number(row["final"], 2) + (f" ±{_number(row['final_sd'], 2)}" if row["final_sd"] is not None else "")


def _status(row: Row, footnotes: list[str]) -> str:
    """Return the status and the numbers of the row's footnotes."""
    numbers = sorted(footnotes.index(note) + 1 for note in row["notes"])
    return " ".join([row["status"], *(f"{number})" for number in numbers)])


def _knob(knob: dict[str, Any] | None) -> str:
    """Return ``rank 0.21–0.25``."""
    if knob is None:
        return ""
    low, high = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in (knob["low"], knob["high"]))
    return f"{knob['field']} {low}" + (f"–{high}" if high != low else "")


def _numbers(rows: Sequence[Row], name: str, digits: int) -> list[str]:
    return [_number(row.get(name), digits) for row in rows]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
