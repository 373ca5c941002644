"""Tables in words on a terminal and in Markdown; in LaTeX by :mod:`.text.latex`."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .table import TextTable

#: Widest line of prose below a table.
PROSE_WIDTH = 120


def print_text_tables(tables: Iterable[TextTable], console: Console, *, wide: bool = False, command: str = "") -> None:
    """Print tables.

    Parameters
    ----------
    tables
        As they are to stand below each other.
    console
        Where to. On a terminal as many columns are shown as fit, elsewhere all of them.
    wide
        Show all columns on a terminal, too.
    command
        What shows all columns, for those who miss some.
    """
    fit = console.is_terminal and not wide
    for text in tables:
        shown = text.fitted(console.width) if fit else text
        console.print(Text(shown.title, style="bold"), soft_wrap=True)
        _print_unfolded(_table(shown, shown.widths(console.width if fit else None)), console)
        _print_prose(shown, console, command)
        console.print()


def _print_unfolded(table: Table, console: Console) -> None:
    """Print a table in full: lines longer than the terminal are folded there, and no digit is lost."""
    before = console.width
    console.width = 10_000
    try:
        console.print(table, soft_wrap=True)
    finally:
        console.width = before


def _table(text: TextTable, widths: list[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column, width in zip(text.columns, widths, strict=True):
        justify = "right" if column.number else "left"
        table.add_column(column.heading, justify=justify, width=width, overflow="fold")
    for place in range(len(text.groups)):
        cells = (Text(column.cells[place], style="bold" if place in column.bold else "") for column in text.columns)
        table.add_row(*cells, end_section=text.ends_group(place))
    return table


def _print_prose(text: TextTable, console: Console, command: str) -> None:
    """Print what stands below a table."""
    width = min(console.width, PROSE_WIDTH)
    if text.left_out:
        all_of_them = f": '{command}' shows all" if command else ""
        console.print(Text(f"  without {', '.join(text.left_out)}{all_of_them}", style="dim"), width=width)
    if text.legend:
        console.print(Text(f"  {text.legend}", style="dim"), width=width)
    for number, note in enumerate(text.footnotes, start=1):
        console.print(Text(f"  {number}) {note}"))


def text_tables_to_markdown(tables: Iterable[TextTable]) -> str:
    """Return tables in Markdown: all columns."""
    parts = []
    for text in tables:
        lines = [
            f"**{_escaped(text.title)}**",
            "",
            _markdown_row([column.heading for column in text.columns]),
            _markdown_row(["---:" if column.number else "---" for column in text.columns]),
        ]
        for place in range(len(text.groups)):
            lines.append(_markdown_row([_bold(c.cells[place], place in c.bold) for c in text.columns]))
        if text.legend:
            lines += ["", f"*{_escaped(text.legend)}*"]
        if text.footnotes:
            lines += ["", *(f"{number}) {_escaped(note)}  " for number, note in enumerate(text.footnotes, start=1))]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _bold(cell: str, bold: bool) -> str:
    return f"**{cell}**" if bold and cell else cell


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(_escaped(cell).replace("|", "\\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Return a text that neither ends its line nor begins a tag."""
    return " ".join(text.splitlines()).replace("<", "&lt;")
