"""Tables on a terminal or in a pipe.

A text needs no escape here: a table's texts hold no control characters (:func:`.table.one_line`), and rich reads no
markup in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .console import plain_table
from .table import TextTable, one_line

#: Rich's ``SIMPLE_HEAD`` in ASCII; its own stand-in would put a bar between all columns.
ASCII_HEAD = box.Box(str(box.SIMPLE_HEAD).replace("─", "-"), ascii=True)
#: Widest line of prose below a table.
PROSE_WIDTH = 120


def print_text_tables(tables: Iterable[TextTable], console: Console, *, wide: bool = False, command: str = "") -> None:
    """Print tables, one below the other, with their titles, meanings and footnotes.

    Parameters
    ----------
    tables
        In the order they are printed in.
    console
        Where to. On a terminal as many columns are shown as fit, elsewhere all of them.
    wide
        Show all columns on a terminal, too.
    command
        The command that shows all columns; named where some are left out.
    """
    fit = console.is_terminal and not wide
    for text in tables:
        text = plain_table(text, console.encoding)
        shown = text.fitted(console.width) if fit else text
        _print_title(shown, console, soft_wrap=True)
        _print_unfolded(_table(shown, shown.widths(console.width if fit else None), console), console)
        _print_prose(shown, console, command)
        console.print()


def print_folded(text: TextTable, console: Console) -> None:
    """Print the title and all columns of a table, every cell folded where that is needed to fit the console."""
    text = plain_table(text, console.encoding)
    _print_title(text, console)
    console.print(_table(text, [None] * len(text.columns), console))


def print_line(text: str, console: Console, style: str = "") -> None:
    """Print a sentence, folded to the console's width; no character of it controls the terminal."""
    console.print(Text(one_line(text), style=style))


def _print_title(text: TextTable, console: Console, *, soft_wrap: bool = False) -> None:
    if text.heading:
        console.print(Text(text.heading, style="bold"), soft_wrap=soft_wrap)


def _print_unfolded(table: Table, console: Console) -> None:
    """Print a table in full: lines longer than the terminal are folded there, and no digit is lost."""
    before = console.width
    console.width = 10_000
    try:
        console.print(table, soft_wrap=True)
    finally:
        console.width = before


def _table(text: TextTable, widths: Sequence[int | None], console: Console) -> Table:
    """Return rich's table; it finds the width of a column itself where that is None."""
    lines = ASCII_HEAD if console.options.ascii_only else box.SIMPLE_HEAD
    table = Table(box=lines, show_edge=False, pad_edge=False, collapse_padding=True)
    for column, width in zip(text.columns, widths, strict=True):
        justify = "right" if column.number else "left"
        table.add_column(Text(column.heading), justify=justify, width=width, overflow="fold")
    for place in range(len(text.groups)):
        cells = (Text(column.cells[place], style="bold" if place in column.bold else "") for column in text.columns)
        table.add_row(*cells, end_section=text.ends_group(place))
    return table


def _print_prose(text: TextTable, console: Console, command: str) -> None:
    """Print the sentences below a table: columns left out, meanings, footnotes."""
    width = min(console.width, PROSE_WIDTH)
    if text.left_out:
        all_of_them = f": '{command}' shows all" if command else ""
        console.print(Text(f"  without {', '.join(text.left_out)}{all_of_them}", style="dim"), width=width)
    if text.legend:
        console.print(Text(f"  {text.legend}", style="dim"), width=width)
    for number, note in enumerate(text.footnotes, start=1):
        console.print(Text(f"  {number}) {note}"))
