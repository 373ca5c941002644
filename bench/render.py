"""The leaderboard for people and for programs: terminal, Markdown, CSV, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: What the columns' names leave open; below every table.
LEGEND = (
    "%, MACs %: of the dense model's, in compact form. time b1: of a batch of 1, deployed in the fastest form of each "
    "layer, relative to the dense model deployed alike, 95 % interval; MACs run %: what that form computes. "
    "before, after dec.: quality just before and just after the layers were decomposed. drop: against the dense row."
)
#: What tells one table of the leaderboard from another.
TABLE_KEYS = ["suite", "machine", "device", "table"]
RATIO_COLUMN = re.compile(r"latency_b(\d+)_ratio")


@dataclass(frozen=True)
class TextTable:
    """One table in words: what terminal and Markdown show.

    Attributes
    ----------
    title
        Suite, model, data and machine.
    columns
        Headings.
    rows
        A text for each column.
    budgets
        The budget of each row: rows of one budget stand together.
    footnotes
        Numbered from 1; the last column refers to them.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    budgets: list[str]
    footnotes: list[str]


def text_tables(frame: pd.DataFrame) -> Iterator[TextTable]:
    """Yield a table for each suite, machine, device, model and data, in the frame's order.

    Parameters
    ----------
    frame
        From :func:`.leaderboard.leaderboard`.
    """
    for _, part in frame.groupby(TABLE_KEYS, sort=False):
        rows = [{str(name): _none(value) for name, value in row.items()} for row in part.to_dict("records")]
        yield _text_table(rows)


def print_tables(frame: pd.DataFrame, console: Console) -> None:
    """Print the leaderboard; where the console is no terminal, as wide as it needs."""
    for text in text_tables(frame):
        table = Table(title=text.title, title_justify="left", title_style="bold", show_edge=False)
        for number, column in enumerate(text.columns):
            table.add_column(column, justify="left" if number < 3 else "right", no_wrap=number == 0)
        for number, row in enumerate(text.rows):
            ends = number + 1 == len(text.rows) or text.budgets[number + 1] != text.budgets[number]
            table.add_row(*row, end_section=ends)
        if not console.is_terminal:
            console.width = max(console.width, console.measure(table, options=_unlimited(console)).maximum)
        console.print(table)
        console.print(Text(f"  {LEGEND}", style="dim"), width=min(console.width, 120))
        for number, note in enumerate(text.footnotes, start=1):
            console.print(Text(f"  {number}) {note}"))
        console.print()


def to_markdown(frame: pd.DataFrame) -> str:
    """Return the leaderboard in Markdown."""
    parts = []
    for text in text_tables(frame):
        lines = [
            f"**{text.title}**",
            "",
            _markdown_row(text.columns),
            _markdown_row(["---"] * 3 + ["---:"] * (len(text.columns) - 3)),
            *(_markdown_row(row) for row in text.rows),
        ]
        lines += ["", f"*{LEGEND}*"]
        if text.footnotes:
            lines += ["", *(f"{number}) {note}  " for number, note in enumerate(text.footnotes, start=1))]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def to_csv(frame: pd.DataFrame) -> str:
    """Return the leaderboard as CSV: all columns, unrounded."""
    flat = frame.copy()
    flat["settings"] = [json.dumps(settings, sort_keys=True, default=str) for settings in flat["settings"]]
    flat["notes"] = ["; ".join(notes) for notes in flat["notes"]]
    return flat.to_csv(index=False)


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the leaderboard's rows ready for JSON: all columns, unrounded, null for what is missing."""
    return [{str(k): _none(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _text_table(rows: list[dict[str, Any]]) -> TextTable:
    first = rows[0]
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    metric = next((row["metric"] for row in rows if row["metric"]), "quality")
    measured = {name for row in rows for name in row if row[name] is not None}
    batches = sorted(int(match[1]) for name in measured if (match := RATIO_COLUMN.fullmatch(name)))
    seeds = any(row["seeds"] > 1 for row in rows)
    columns = [
        "method", "kind", "budget", "conv weights", "%", "MACs %", "disk kB",
        *(name for batch in batches for name in (f"time b{batch} / dense", "MACs run %")),
        "before dec.", "after dec.", f"{metric} {unit}", "drop", "train s", "status", "",
    ]  # fmt: skip
    footnotes: list[str] = []
    texts = []
    for row in rows:
        for note in row["notes"]:
            if note not in footnotes:
                footnotes.append(note)
        marks = ",".join(f"{footnotes.index(note) + 1})" for note in row["notes"])
        spread = f" ±{_number(row['final_sd'], 2)}" if seeds and row["final_sd"] is not None else ""
        texts.append(
            [
                row["method"],
                "" if row["kind"] == "none" else row["kind"],
                row["budget"],
                _number(row["conv_weights"], 0),
                _number(row["conv_weights_percent"], 1),
                _number(row["macs_percent"], 1),
                _number(row["disk"] and row["disk"] / 1000, 1),
                *(text for batch in batches for text in _latency(row, batch)),
                _number(row["before_decomposition"], 2),
                _number(row["after_decomposition"], 2),
                _number(row["final"], 2) + spread,
                _number(row["drop"], 2),
                _number(row["train_seconds"], 1),
                row["status"],
                marks,
            ]
        )
    title = f"{first['suite']}: {first['table']}, {first['task']}, on {first['machine']} ({first['device']})"
    return TextTable(title, columns, texts, [row["budget"] for row in rows], footnotes)


def _latency(row: dict[str, Any], batch: int) -> tuple[str, str]:
    """Return the ratio with its interval, and the MACs that were run."""
    ratio = row.get(f"latency_b{batch}_ratio")
    if ratio is None:
        return "", ""
    interval = f"[{row[f'latency_b{batch}_low']:.2f}, {row[f'latency_b{batch}_high']:.2f}]"
    return f"{ratio:.2f} {interval}", _number(row[f"latency_b{batch}_percent"], 1)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _none(value: Any) -> Any:
    """Return None for pandas' missing values, and Python's numbers for numpy's."""
    if isinstance(value, (list, dict)):
        return value
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _unlimited(console: Console) -> Any:
    return console.options.update(max_width=1000, width=1000)
