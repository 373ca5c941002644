"""The columns of the leaderboard's tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from ...base.text import seeds_in_words
from ..statistics import CONFIDENCE
from ..text.table import TextColumn, TextTable, number
from .leaders import TABLE_KEYS
from .rows import ALSO_FINAL

#: Behind the quality of a row that is worse than its budget's leader.
WORSE = "↓"
#: Heading of the weights that budgets count.
WEIGHTS = {"conv_weights": "conv weights", "conv_fc_weights": "conv+linear weights"}
RATIO_COLUMN = re.compile(r"latency_(?:(?P<form>.+)_)?b(?P<batch>\d+)_ratio")

Row = dict[str, Any]


def text_tables(frame: pd.DataFrame) -> Iterator[TextTable]:
    """Yield a table for each suite, machine, device, model and data, in the frame's order.

    Parameters
    ----------
    frame
        From :func:`.leaderboard.rows.leaderboard`; an empty one has no tables.
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
    machine = f"{'reference machine ' if first.get('reference') else ''}{first['machine']} ({first['device']})"
    title = f"{first['suite']}: {first['table']}, {first['task']}, on {machine}"
    return TextTable(title, _columns(rows, footnotes), _groups(rows), footnotes)


def _groups(rows: list[Row]) -> list[str]:
    """Return the budgets, or for rows in an order that mixes these no groups but the dense row."""
    budgets = [row["budget"] for row in rows]
    changes = sum(one != other for one, other in itertools.pairwise(budgets))
    return budgets if changes < len(set(budgets)) else [row["kind"] if row["kind"] == "none" else "" for row in rows]


def _columns(rows: list[Row], footnotes: list[str]) -> list[TextColumn]:
    """Return all columns, from left to right."""
    kinds = ["" if row["kind"] == "none" else row["kind"] for row in rows]
    knobs = [_knob(row["knob"]) for row in rows]
    disk = [number(row["disk"] and row["disk"] / 1000, 1) for row in rows]
    knob_meaning = "knob: what the budget set, over the layers."
    share = "%, MACs %: of the dense model's, in compact form."
    weights = "conv_weights"
    if rows[0]["eligible"] == "conv+linear":
        weights = "conv_fc_weights"
        share = (
            "%: of the dense model's weights of convolutions and linear layers; MACs %: of its MACs, in compact form."
        )
    return [
        TextColumn("method", [row["method"] for row in rows], number=False, folds=True),
        TextColumn("kind", kinds, rank=9, number=False),
        TextColumn("budget", [row["budget"] for row in rows], number=False),
        TextColumn("knob", knobs, rank=10, number=False, meaning=knob_meaning),
        TextColumn(WEIGHTS[weights], _numbers(rows, weights, 0), rank=8),
        TextColumn("%", _numbers(rows, f"{weights}_percent", 1), meaning=share),
        TextColumn("MACs %", _numbers(rows, "macs_percent", 1), rank=1, meaning=share),
        TextColumn("disk kB", disk, rank=11),
        *_times(rows),
        *_qualities(rows),
        *_seeds(rows),
        TextColumn("status", [_status(row, footnotes) for row in rows], number=False, folds=True),
    ]


def _qualities(rows: list[Row]) -> Iterator[TextColumn]:
    """Yield what training came to; nothing for a task that trains and scores nothing."""
    if all(row["metric"] is None and row["status"] in ("ok", "skipped") for row in rows):
        return
    unit = next((row["unit"] for row in rows if row["unit"]), "")
    metric = next((row["metric"] for row in rows if row["metric"]), "quality")
    meaning = "before, after dec.: quality just before and just after the layers were decomposed."
    yield TextColumn("before dec.", _numbers(rows, "before_decomposition", 2), rank=7, meaning=meaning)
    yield TextColumn("after dec.", _numbers(rows, "after_decomposition", 2), rank=6, meaning=meaning)
    leading = frozenset(place for place, row in enumerate(rows) if row["standing"] == "leader")
    yield TextColumn(f"{metric} {unit}", [_final(row) for row in rows], meaning=_standing_meaning(rows), bold=leading)
    yield from _also_final(rows)
    yield TextColumn("drop", _numbers(rows, "drop", 2), meaning="drop: against the dense row.")
    yield TextColumn("train s", _numbers(rows, "train_seconds", 1), rank=5)


def _times(rows: list[Row]) -> Iterator[TextColumn]:
    """Yield two columns for each batch size and form: the ratio with its interval, and the MACs that were run."""
    measured = dict.fromkeys(name for row in rows for name in row if row[name] is not None)
    matches = [match for name in measured if (match := RATIO_COLUMN.fullmatch(name))]
    matches.sort(key=lambda match: (match["form"] or "", int(match["batch"])))
    for place, match in enumerate(matches):
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
        brief = TextColumn(title, ratios, rank=3 if place else 2, meaning=f"{means}.")
        levels = sorted({row[f"{prefix}_confidence"] for row in rows if row.get(f"{prefix}_confidence") is not None})
        level = " or ".join(f"{100 * level:g} %" for level in levels)
        several = any(row["seeds"] > 1 for row in rows)
        interval = (
            f"from the lowest to the highest end of the seeds' {level} intervals" if several else f"{level} interval"
        )
        yield TextColumn(
            f"{title} / dense",
            full,
            rank=4,
            brief=brief,
            meaning=f"{means}; [ ]: {interval}.",
        )
        run = "MACs run %: what that form computes."
        yield TextColumn("MACs run %", _numbers(rows, f"{prefix}_percent", 1), rank=12, meaning=run)


def _also_final(rows: list[Row]) -> Iterator[TextColumn]:
    """Yield a column for each further metric that the task shows, such as those of other test sets."""
    named = dict.fromkeys(name for row in rows for name in row if name.startswith(ALSO_FINAL) and row[name] is not None)
    for name in named:
        yield TextColumn(name.removeprefix(ALSO_FINAL), _numbers(rows, name, 2), rank=1)


def _seeds(rows: list[Row]) -> Iterator[TextColumn]:
    """Yield how many seeds a row is of, where any has several."""
    if any(row["seeds"] > 1 for row in rows):
        meaning = "seeds: 1 of 3: the quality is of one seed, as two are not ok; such a row leads nothing."
        cells = [seeds_in_words(row["ok_seeds"], row["seeds"]) for row in rows]
        few = any(row["ok_seeds"] < row["seeds"] for row in rows)
        yield TextColumn("seeds", cells, rank=4, meaning=meaning if few else "")


def _with_interval(ratio: str, row: Row, prefix: str) -> str:
    return ratio and f"{ratio} [{row[f'{prefix}_low']:.2f}, {row[f'{prefix}_high']:.2f}]"


def _final(row: Row) -> str:
    spread = f" ±{number(row['final_sd'], 2)}" if row["final_sd"] is not None else ""
    return number(row["final"], 2) + spread + (f" {WORSE}" if row["standing"] == "worse" else "")


def _standing_meaning(rows: list[Row]) -> str:
    """Say what bold and the sign mean, and where nothing can be told."""
    found = {row["standing"] for row in rows}
    if "leader" not in found:
        return ""
    texts = ["bold: the best of its budget."]
    if found & {"worse", "not told apart"}:
        level = f"{100 * CONFIDENCE:g} %"
        texts.append(f"{WORSE}: behind it beyond the spread of seeds (Welch's t with Holm's correction, {level}).")
    if "unknown" in found:
        texts.append("A single seed does not tell which rows differ from it.")
    return " ".join(texts)


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
    return [number(row.get(name), digits) for row in rows]
