"""The papers' points as a table below each of the leaderboard's, and as rows of kind ``published``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from ..leaderboard.columns import plain
from ..leaderboard.leaders import TABLE_KEYS
from ..leaderboard.rows import ALSO_FINAL
from ..text.table import TextColumn, TextTable, number
from .points import PublishedPoint, published_points

KIND = "published"
#: Conventions of counting that are columns of the leaderboard, too.
SHARED_COUNTS = ("conv_weights", "conv_fc_weights", "parameters", "state", "effective")

Row = dict[str, Any]


def points_beside(frame: pd.DataFrame) -> Iterator[tuple[Row, list[PublishedPoint]]]:
    """Yield the first row of each table of the leaderboard, and what was published of its model on its data.

    Only metrics that the table shows are among the points.
    """
    if frame.empty:
        return
    for _, part in frame.groupby(TABLE_KEYS, sort=False):
        rows = [{str(name): plain(value) for name, value in row.items()} for row in part.to_dict("records")]
        main = next((row["metric"] for row in rows if row["metric"]), None)
        shown = {main, *(name for row in rows for name in _also_shown(row))}
        first = rows[0]
        points = published_points(first["model"], first["task"], first["data"])
        yield {**first, "metric": main}, [point for point in points if point.metric in shown]


def _also_shown(row: Row) -> Iterator[str]:
    """Yield the further metrics of a row; their columns have the unit behind the name."""
    for column, value in row.items():
        if column.startswith(ALSO_FINAL) and value is not None:
            yield column.removeprefix(ALSO_FINAL).removesuffix(f" {row['unit']}")


def published_rows(frame: pd.DataFrame) -> list[Row]:
    """Return the papers' points as rows of the leaderboard, of kind ``published``: no suite, machine or device.

    A model and data that several tables have are there once. ``final`` is the published quality, ``method`` ours or,
    where it is none of ours, the paper's; what the leaderboard has no column for begins with ``paper_``.
    """
    found: dict[tuple[Any, ...], Row] = {}
    for first, points in points_beside(frame):
        for point in points:
            key = (first["model"], first["data"], point.paper, point.table, point.method, point.setting, point.metric)
            found.setdefault(key, _row(first, point))
    return list(found.values())


def published_table(first: Row, points: Sequence[PublishedPoint]) -> TextTable | None:
    """Return the points of one table in words; None where nothing was published.

    Parameters
    ----------
    first, points
        From :func:`points_beside`.
    """
    if not points:
        return None
    lines: dict[tuple[str, ...], dict[str, PublishedPoint]] = {}
    for point in points:
        lines.setdefault((point.paper, point.table, point.method, point.setting), {})[point.metric] = point
    metrics = sorted({point.metric for point in points}, key=lambda name: (name != first["metric"], name))
    heads = [next(iter(line.values())) for line in lines.values()]
    noted = [list(dict.fromkeys(note for point in line.values() for note in _notes(point))) for line in lines.values()]
    notes = list(dict.fromkeys(note for own in noted for note in own))
    counted = [head.params_count or head.macs_count for head in heads]
    columns = [
        TextColumn("method", [head.ours or head.method for head in heads], number=False, folds=True),
        TextColumn("setting", [head.setting for head in heads], rank=5, number=False, folds=True),
        TextColumn("%", [number(head.params_percent, 1) for head in heads]),
        TextColumn("MACs %", [number(head.macs_percent, 1) for head in heads], rank=1),
        TextColumn("counted as", counted, rank=6, number=False, meaning="%, MACs %: of the paper's dense network."),
        *(_metric(name, list(lines.values())) for name in metrics),
        TextColumn(
            "drop",
            [number(_of(line, metrics[0], "drop"), 2) for line in lines.values()],
            meaning="drop: against the paper's own dense network.",
        ),
        TextColumn("paper", [f"{head.paper} t. {head.table}" for head in heads], rank=2, number=False),
        TextColumn("note", [" ".join(f"{notes.index(note) + 1})" for note in own) for own in noted], number=False),
    ]
    title = f"published of {first['model']} on {first['data']}, not measured by us"
    return TextTable(title, columns, [head.paper + head.table for head in heads], notes)


def _metric(name: str, lines: Sequence[dict[str, PublishedPoint]]) -> TextColumn:
    unit = next(line[name].unit for line in lines if name in line)
    return TextColumn(f"{name} {unit}", [number(_of(line, name, "quality"), 2) for line in lines])


def _of(line: dict[str, PublishedPoint], metric: str, field: str) -> float | None:
    return getattr(line[metric], field) if metric in line else None


def _notes(point: PublishedPoint) -> list[str]:
    return [*filter(None, (point.other_data, point.note))]


def _row(first: Row, point: PublishedPoint) -> Row:
    shares = {f"{name}_percent": point.params_percent for name in SHARED_COUNTS if name == point.params_count}
    if point.macs_count == "macs":
        shares["macs_percent"] = point.macs_percent
    return {
        **{name: first[name] for name in ("table", "model", "task", "data")},
        "method": point.ours or point.method,
        "kind": KIND,
        "budget": "",
        **shares,
        "metric": point.metric,
        "unit": point.unit,
        "higher_is_better": True,
        "final": point.quality,
        "drop": point.drop,
        "notes": _notes(point),
        "paper": point.paper,
        "paper_table": point.table,
        "paper_dataset": point.dataset,
        "paper_method": point.method,
        "paper_setting": point.setting,
        "paper_variant": point.variant,
        "paper_params_percent": point.params_percent,
        "paper_params_count": point.params_count,
        "paper_macs_percent": point.macs_percent,
        "paper_macs_count": point.macs_count,
        "paper_baseline": point.baseline,
    }
