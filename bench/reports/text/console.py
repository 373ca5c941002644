"""The console for results: tables and sentences are made of what its stream can show, and laid out then."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Span, Text

from ....common.plain import plain
from .table import TextColumn, TextTable


class PlainConsole(Console):
    """A console that replaces what its stream's encoding lacks before anything is laid out."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_plain(one, self.encoding) for one in objects), **options)


def _plain(shown: Any, encoding: str) -> Any:
    """Return what is to be printed, made of an encoding's characters; a table is changed in place."""
    if isinstance(shown, str):
        return plain(shown, encoding)
    if isinstance(shown, Text):
        return _plain_text(shown, encoding)
    if isinstance(shown, Table):
        shown.title, shown.caption = _plain(shown.title, encoding), _plain(shown.caption, encoding)
        for column in shown.columns:
            column.header, column.footer = _plain(column.header, encoding), _plain(column.footer, encoding)
            column._cells = [_plain(cell, encoding) for cell in column._cells]
    return shown


def plain_table(table: TextTable, encoding: str) -> TextTable:
    """Return a table of texts that an encoding has, whose widths are those of what is shown."""
    return replace(
        table,
        title=plain(table.title, encoding),
        columns=[_plain_column(column, encoding) for column in table.columns],
        footnotes=[plain(note, encoding) for note in table.footnotes],
        caption=plain(table.caption, encoding),
    )


def _plain_column(column: TextColumn, encoding: str) -> TextColumn:
    return replace(
        column,
        heading=plain(column.heading, encoding),
        cells=[plain(cell, encoding) for cell in column.cells],
        brief=column.brief and _plain_column(column.brief, encoding),
        meaning=plain(column.meaning, encoding),
    )


def _plain_text(text: Text, encoding: str) -> Text:
    """Return a text with its styles where their words have moved to."""
    parts = [plain(character, encoding) for character in text.plain]
    places = [0, *accumulate(map(len, parts))]
    moved = text.copy()
    moved.plain = "".join(parts)
    moved.spans = [Span(places[start], places[min(end, len(parts))], style) for start, end, style in text.spans]
    return moved
