"""The verdicts on published sizes as tables, on a terminal and in Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rich.console import Console

from ..text.markdown import text_tables_to_markdown
from ..text.table import TextColumn, TextTable
from ..text.terminal import print_line, print_text_tables
from .judge import SizeStatus, SizeVerdict

COLUMNS = (
    "paper", "table", "model", "method", "setting", "metric", "published", "ours", "counted as", "verdict", "note",
)  # fmt: skip
NUMBERS = ("published", "ours")
#: Columns that a narrow terminal does not show, those of the highest rank first.
RANKS = {"note": 4, "counted as": 3, "paper": 2, "setting": 1}


def to_cells(verdict: SizeVerdict) -> list[str]:
    """Return the cells of a verdict's line, in the order of `COLUMNS`.

    A mismatch is shown with one digit more than is published, so that the reader sees by how much.
    """
    row = verdict.row
    ours = "" if verdict.ours is None else _number(verdict.ours, None if verdict.ours > 1000 else _digits(verdict) + 1)
    return [
        row.paper,
        row.table,
        row.model,
        row.method,
        row.setting,
        row.metric,
        _number(row.value, None if row.value > 1000 else _digits(verdict)),
        ours,
        verdict.count,
        verdict.status,
        verdict.note,
    ]


def summary(verdicts: Sequence[SizeVerdict]) -> str:
    """Return how many verdicts there are of each kind."""
    counts = Counter(verdict.status for verdict in verdicts)
    known = [f"{counts[status]} {status}" for status in get_args(SizeStatus) if counts[status]]
    return f"{len(verdicts)} sizes: {', '.join(known)}"


def print_verdicts(verdicts: Sequence[SizeVerdict], console: Console) -> None:
    """Print one table of all verdicts, and how many there are of each kind."""
    print_text_tables([_table(verdicts)], console, command="decompbench published --format markdown")
    print_line(summary(verdicts), console)


def to_markdown(verdicts: Sequence[SizeVerdict]) -> str:
    """Return a table for each paper, with the verdicts' notes below it."""
    papers = dict.fromkeys(verdict.row.paper for verdict in verdicts)
    tables = [_table_of_paper(paper, [one for one in verdicts if one.row.paper == paper]) for paper in papers]
    return text_tables_to_markdown(tables)


def _table(verdicts: Sequence[SizeVerdict]) -> TextTable:
    """Return one table of all verdicts, each note in its row."""
    return TextTable("", _columns([to_cells(verdict) for verdict in verdicts]), [""] * len(verdicts), [])


def _table_of_paper(paper: str, verdicts: Sequence[SizeVerdict]) -> TextTable:
    """Return the verdicts on one paper's sizes; notes are numbered and stand below."""
    notes = list(dict.fromkeys(verdict.note for verdict in verdicts if verdict.note))
    marks = [f"{notes.index(verdict.note) + 1})" if verdict.note else "" for verdict in verdicts]
    lines = [[*to_cells(verdict)[:-1], mark] for verdict, mark in zip(verdicts, marks, strict=True)]
    return TextTable(paper, _columns(lines)[1:], [""] * len(verdicts), notes, caption=summary(verdicts))


def _columns(lines: Sequence[Sequence[str]]) -> list[TextColumn]:
    """Return the columns of lines that :func:`to_cells` made."""
    return [
        TextColumn(name, [line[place] for line in lines], RANKS.get(name, 0), name in NUMBERS, name == "note")
        for place, name in enumerate(COLUMNS)
    ]


def _digits(verdict: SizeVerdict) -> int:
    """Return the decimals that the published number has."""
    return max(0, -math.floor(math.log10(verdict.step) + 1e-9))


def _number(value: float, digits: int | None) -> str:
    """Return a number with some decimals, or with its thousands apart."""
    return f"{round(value):,}" if digits is None else f"{value:.{digits}f}"
