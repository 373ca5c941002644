"""The verdicts as tables: for a terminal and in Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .judge import SizeStatus, SizeVerdict

COLUMNS = (
    "paper", "table", "model", "method", "setting", "metric", "published", "ours", "counted as", "verdict", "note",
)  # fmt: skip
NUMBERS = ("published", "ours")


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
    """Print one table and what it comes to."""
    table = Table(show_edge=False, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in NUMBERS else "left", no_wrap=column != "note")
    for verdict in verdicts:
        table.add_row(*(Text(cell) for cell in to_cells(verdict)))
    console.print(table)
    console.print(summary(verdicts), highlight=False)


def to_markdown(verdicts: Sequence[SizeVerdict]) -> str:
    """Return one table a paper, and what it comes to; notes stand below, numbered."""
    parts = []
    columns = COLUMNS[1:]
    for paper in dict.fromkeys(verdict.row.paper for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.row.paper == paper]
        notes = list(dict.fromkeys(verdict.note for verdict in own if verdict.note))
        lines = [f"**{paper}**: {summary(own)}", "", _line(columns)]
        lines.append(_line(["---:" if column in NUMBERS else "---" for column in columns]))
        for verdict in own:
            *cells, note = to_cells(verdict)[1:]
            lines.append(_line([*cells, f"{notes.index(note) + 1})" if note else ""]))
        if notes:
            lines += ["", *(f"{number}) {note}  " for number, note in enumerate(notes, start=1))]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _digits(verdict: SizeVerdict) -> int:
    """Return the decimals that the published number has."""
    return max(0, -math.floor(math.log10(verdict.step) + 1e-9))


def _number(value: float, digits: int | None) -> str:
    """Return a number with some decimals, or with its thousands apart."""
    return f"{round(value):,}" if digits is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
