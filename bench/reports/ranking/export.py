"""The ranking for programs: values for JSON, and a row for each method in each cell for CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..scores import scores_to_json
from ..text.csv import rows_to_csv
from .average import AverageRanks
from .cells import Point
from .ranks import CellRanking, RankedRow

Row = dict[str, Any]


def ranking_to_json(
    rankings: Sequence[CellRanking], average: AverageRanks, tolerance: float, alpha: float
) -> dict[str, Any]:
    """Return the ranking ready for JSON, unrounded; an infinite statistic is null, an infinite quality a text."""
    return {
        "budget": str(rankings[0].budget) if rankings else None,
        "tolerance": tolerance,
        "alpha": alpha,
        "cells": [scores_to_json(_cell(ranking)) for ranking in rankings],
        "average": _average(average),
    }


def ranking_to_csv(rankings: Sequence[CellRanking], average: AverageRanks) -> str:
    """Return one row for each method in each cell, the dense model and those that lack a point, too: unrounded."""
    rows = [_flat(ranking, row, average) for ranking in rankings for row in _rows(ranking)]
    return rows_to_csv(rows)


def _cell(ranking: CellRanking) -> Row:
    cell = ranking.cell
    return {
        **_place(ranking),
        "machines": list(cell.machines),
        "higher_is_better": cell.metric.higher_is_better,
        "rows": _rows(ranking),
        "front": [_point(point) for point in ranking.front],
        "reference": asdict(ranking.reference) if ranking.reference else None,
        "hypervolumes": ranking.hypervolumes,
    }


def _place(ranking: CellRanking) -> Row:
    cell = ranking.cell
    return {
        "suite": cell.suite,
        "table": cell.table,
        "model": cell.model,
        "task": cell.task,
        "data": cell.data,
        "metric": cell.metric.name,
        "unit": cell.metric.unit,
    }


def _rows(ranking: CellRanking) -> list[Row]:
    """Return dense, the ranked methods and those that lack a point, in this order."""
    dense = ranking.cell.dense
    blank: Row = {"budget": None, "cost": None, "quality": None, "by_seed": {}, "failure": "", "notes": []}
    unranked: Row = {"rank": None, "interval": None, "difference": None, "reason": ""}
    return [
        *([_point(dense) | unranked | {"standing": "dense"}] if dense else []),
        *(_ranked(row) for row in ranking.rows),
        *(
            {"method": one.method} | blank | unranked | {"standing": "lacking", "reason": one.reason}
            for one in ranking.lacking
        ),
    ]


def _ranked(row: RankedRow) -> Row:
    return _point(row.point) | {
        "rank": row.rank,
        "interval": row.interval,
        "difference": row.difference,
        "reason": "",
        "standing": row.standing,
    }


def _point(point: Point) -> Row:
    return {
        "method": point.method,
        "budget": point.budget,
        "cost": point.cost,
        "quality": point.mean,
        "by_seed": point.quality,
        "failure": point.failure,
        "notes": list(point.notes),
    }


def _flat(ranking: CellRanking, row: Row, average: AverageRanks) -> Row:
    low, high = row["interval"] or (None, None)
    worse, better = row["difference"] or (None, None)
    method = row["method"]
    front = {(point.method, point.budget) for point in ranking.front}
    return {
        **_place(ranking),
        "machines": ranking.cell.machines,
        "at": str(ranking.cell.budget),
        "method": method,
        "budget": row["budget"],
        "standing": row["standing"],
        "rank": row["rank"],
        "cost": row["cost"],
        "quality": row["quality"],
        "quality_low": low,
        "quality_high": high,
        "difference_low": worse,
        "difference_high": better,
        "seeds": len(row["by_seed"]),
        "on_front": (method, row["budget"]) in front,
        "hypervolume": ranking.hypervolumes.get(method),
        "average_rank": average.ranks.get(method),
        "reason": row["reason"],
        "notes": [*filter(None, (row["failure"], *row["notes"]))],
    }


def _average(average: AverageRanks) -> Row:
    found = asdict(average)
    if average.friedman is not None and math.isinf(average.friedman.f):
        found["friedman"]["f"] = None
    return found | {"rejects": average.rejects}
