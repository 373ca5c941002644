"""The leaderboard for people and for programs: terminal, Markdown, CSV, JSON."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .columns import TextTable, plain, text_tables

#: Widest line of prose below a table.
PROSE_WIDTH = 120


def print_tables(frame: pd.DataFrame, console: Console, *, wide: bool = False) -> None:
    """Print the leaderboard.

    Parameters
    ----------
    frame
        From :func:`.leaderboard.leaderboard`.
    console
        Where to. On a terminal as many columns are shown as fit, elsewhere all of them.
    wide
        Show all columns on a terminal, too.
    """
    fit = console.is_terminal and not wide
    for text in text_tables(frame):
        shown = text.fitted(console.width) if fit else text
        console.print(Text(shown.title, style="bold"), soft_wrap=True)
        _print_unfolded(_table(shown, shown.widths(console.width if fit else None)), console)
        _print_prose(shown, console)
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
    for number, row in enumerate(text.rows):
        ends = number + 1 < len(text.rows) and text.budgets[number + 1] != text.budgets[number]
        table.add_row(*map(Text, row), end_section=ends)
    return table


def _print_prose(text: TextTable, console: Console) -> None:
    """Print what stands below a table."""
    width = min(console.width, PROSE_WIDTH)
    if text.left_out:
        left_out = f"without {', '.join(text.left_out)}: 'decompbench leaderboard --wide' shows all"
        console.print(Text(f"  {left_out}", style="dim"), width=width)
    console.print(Text(f"  {text.legend}", style="dim"), width=width)
    for number, note in enumerate(text.footnotes, start=1):
        console.print(Text(f"  {number}) {note}"))


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the leaderboard in Markdown: all columns."""
    parts = []
    for text in text_tables(frame):
        lines = [
            f"**{text.title}**",
            "",
            _markdown_row([column.heading for column in text.columns]),
            _markdown_row(["---:" if column.number else "---" for column in text.columns]),
            *(_markdown_row(row) for row in text.rows),
        ]
        lines += ["", f"*{text.legend}*"]
        if text.footnotes:
            lines += ["", *(f"{number}) {note}  " for number, note in enumerate(text.footnotes, start=1))]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def to_csv(frame: pd.DataFrame) -> str:
    """Return the leaderboard as CSV: all columns, unrounded."""
    flat = frame.copy()
    flat["settings"] = [json.dumps(settings, sort_keys=True, default=str) for settings in flat["settings"]]
    flat["knob"] = [None if plain(knob) is None else json.dumps(knob, default=str) for knob in flat["knob"]]
    flat["notes"] = ["; ".join(notes) for notes in flat["notes"]]
    return flat.to_csv(index=False)


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the leaderboard's rows ready for JSON: all columns, unrounded, null for what is missing."""
    return [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
