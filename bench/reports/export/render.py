"""The leaderboard in every format: terminal, Markdown and LaTeX for people, CSV and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.console import Console

from ..leaderboard.columns import plain, text_tables
from ..text.csv import rows_to_csv
from ..text.latex import text_tables_to_latex
from ..text.markdown import text_tables_to_markdown
from ..text.table import TextTable
from ..text.terminal import print_text_tables

COMMAND = "decompbench leaderboard --wide"


def print_tables(frame: pd.DataFrame, console: Console, *, wide: bool = False, published: bool = False) -> None:
    """Print the leaderboard.

    Parameters
    ----------
    frame
        From :func:`.leaderboard.rows.leaderboard`.
    console
        Where to. On a terminal as many columns are shown as fit, elsewhere all of them.
    wide
        Show all columns on a terminal, too.
    published
        Show below each table what the papers publish of its model and data.
    """
    print_text_tables(_tables(frame, published), console, wide=wide, command=COMMAND)


def to_markdown(frame: pd.DataFrame, *, published: bool = False) -> str:
    """Return the leaderboard in Markdown: all columns, and published numbers as ``print_tables`` has them."""
    return text_tables_to_markdown(_tables(frame, published))


def to_latex(frame: pd.DataFrame, *, published: bool = False) -> str:
    """Return the leaderboard in LaTeX: all columns, and published numbers as ``print_tables`` has them."""
    return text_tables_to_latex(_tables(frame, published))


def to_csv(frame: pd.DataFrame, *, published: bool = False) -> str:
    """Return the leaderboard as CSV: all columns, unrounded; published numbers as rows of kind ``published``."""
    return rows_to_csv(pd.DataFrame(to_rows(frame, published=True), dtype=object) if published else frame)


def to_rows(frame: pd.DataFrame, *, published: bool = False) -> list[dict[str, Any]]:
    """Return the leaderboard's rows ready for JSON: all columns, unrounded, null for what is missing.

    Published numbers are rows of kind ``published``.
    """
    rows = [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict("records")]
    if published:
        from ..published.rows import published_rows

        columns = dict.fromkeys(map(str, frame.columns))
        rows += [columns | row for row in published_rows(frame)]
    return rows


def _tables(frame: pd.DataFrame, published: bool) -> Iterator[TextTable]:
    if not published:
        yield from text_tables(frame)
        return
    from ..published.rows import points_beside, published_table

    for table, (first, points) in zip(text_tables(frame), points_beside(frame), strict=True):
        yield table
        if below := published_table(first, points):
            yield below
