"""The page's table as data: the leaderboard's frame, ready for JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ...base.errors import BenchError
from ...base.model import Infinite, score_to_json
from ...records.record import Record
from ..leaderboard.columns import plain
from ..leaderboard.leaders import TABLE_KEYS
from .headings import Heading, Row, headings
from .overlay import overlay

#: A row's place: suite, machine, device, table, method and budget.
RowPlace = tuple[str, ...]


def place_of(record: Record) -> RowPlace:
    """Return the row of the leaderboard that a record is part of."""
    trial = record.trial
    return (trial.suite, record.machine, trial.device, record.table, record.method.label, str(trial.budget or ""))


def identity(*names: str) -> str:
    """Return a short name that stays the same in every page, for links."""
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:10]


def table_data(frame: pd.DataFrame) -> dict[str, Any]:
    """Return columns, methods, boards and rows.

    Parameters
    ----------
    frame
        From :func:`~decompbench.bench.reports.leaderboard.rows.leaderboard`.

    Returns
    -------
    dict
        ``columns``: as :class:`.headings.Heading`; ``methods``: their names in alphabetical order, from which colours
        and marker shapes follow; ``boards``: one for each suite, machine, device, model and data, whose numbers may be
        compared with each other; ``rows``: in the frame's order, with the numbers of each column in ``values``,
        ``low``, ``high`` and ``sd``, null for what is missing, a text for what is infinite.

    Raises
    ------
    BenchError
        Two rows are of one method at one budget in one table.
    """
    rows = [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    columns = headings(rows)
    places = list(dict.fromkeys(_board_place(row) for row in rows))
    _require_distinct(rows)
    return {
        "columns": [_without_sources(column) for column in columns],
        "methods": sorted({row["method"] for row in rows}),
        "boards": [_board(place, [row for row in rows if _board_place(row) == place]) for place in places],
        "rows": [_row(row, columns, places.index(_board_place(row))) for row in rows],
    }


def _require_distinct(rows: Sequence[Row]) -> None:
    """Make sure that a link to a row can mean one row only."""
    (place, count), *_ = Counter((*_board_place(row), row["method"], row["budget"]) for row in rows).most_common(1)
    if count > 1:
        raise BenchError(
            f"the page cannot tell {count} rows apart, {' '.join(filter(None, place))}: give it one version of each"
        )


def _board_place(row: Row) -> RowPlace:
    return tuple(row[key] for key in TABLE_KEYS)


def _without_sources(column: Heading) -> Row:
    """Return a column without what only this side needs, the names of the frame's columns and the scale."""
    fields = dataclasses.asdict(column)
    return {name: value for name, value in fields.items() if name not in ("low", "high", "sd", "scale")}


def _board(place: RowPlace, rows: Sequence[Row]) -> Row:
    """Return the fields that the rows of a table share; the metric is that of the first row that has one."""
    measured = next((row for row in rows if row["metric"]), rows[0])
    model, task, data, metric = (measured[name] for name in ("model", "task", "data", "metric"))
    return {
        "id": identity(*place),
        **dict(zip(TABLE_KEYS, place, strict=True)),
        "task": task,
        "metric": metric or "quality",
        "unit": measured["unit"] or "",
        "higher": measured["higher_is_better"] is not False,
        "reference": bool(measured.get("reference")),
        "published": overlay(model, task, data, metric) if metric else [],
    }


def _row(row: Row, columns: Sequence[Heading], board: int) -> Row:
    place = (*_board_place(row), row["method"], row["budget"])
    return {
        "id": identity(*place),
        "board": board,
        "method": row["method"],
        "dense": row["kind"] == "none",
        "kind": "" if row["kind"] == "none" else row["kind"],
        "budget": row["budget"],
        "status": row["status"],
        "standing": row["standing"],
        "knob": row["knob"] or None,
        "settings": row["settings"] or {},
        "notes": row["notes"],
        "values": [_number(row.get(column.key), column) for column in columns],
        "low": [_number(column.low and row.get(column.low), column) for column in columns],
        "high": [_number(column.high and row.get(column.high), column) for column in columns],
        "sd": [_number(column.sd and row.get(column.sd), column) for column in columns],
    }


def _number(value: Any, column: Heading) -> float | Infinite | None:
    """Return a number in the column's unit, to seven digits: more than is shown, less to load."""
    if value is None or isinstance(value, str) or math.isnan(value):
        return None
    if math.isinf(value):
        return score_to_json(value)
    number = float(f"{value / column.scale:.7g}")
    return int(number) if number.is_integer() else number
