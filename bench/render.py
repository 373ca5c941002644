"""The leaderboard for people and for programs: terminal, Markdown, LaTeX, CSV, JSON."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from rich.console import Console

from .columns import plain, text_tables
from .latex import text_tables_to_latex
from .text_output import print_text_tables, text_tables_to_markdown

COMMAND = "decompbench leaderboard --wide"


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
    print_text_tables(text_tables(frame), console, wide=wide, command=COMMAND)


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the leaderboard in Markdown: all columns."""
    return text_tables_to_markdown(text_tables(frame))


def to_latex(frame: pd.DataFrame) -> str:
    """Return the leaderboard in LaTeX: all columns."""
    return text_tables_to_latex(text_tables(frame))


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
