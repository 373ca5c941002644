"""Cells: one model on one data set in one suite, with every method's points. Only within a cell are points compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean

from ...base.errors import BenchError
from ...records.record import Record
from ..budgets import CostBudget
from ..leaderboard.row_notes import differences, load_note, quality
from ..leaderboard.shown_metrics import ShownMetric, shown_metrics, unknown_metric


@dataclass(frozen=True)
class Point:
    """One method at one budget of its suite.

    Attributes
    ----------
    method, budget
        Label of the row, and the budget in the suite's words; empty for a size of its own.
    cost
        Share of the dense model on the measure, the mean over seeds; None where it is not known.
    quality
        Of the finished model by seed, in the metric's unit: of trials that are ok. It is infinite where none is better.
    seeds
        How many seeds were run.
    failure
        Why some seeds, or all, have no quality; empty where every seed has one.
    notes
        Differences from the dense row and, where its cost is a latency, what spoils the times.
    """

    method: str
    budget: str
    cost: float | None
    quality: dict[int, float]
    seeds: int
    failure: str = ""
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every seed has a quality: the mean of those that survive is no mean of the method's."""
        return len(self.quality) == self.seeds

    @property
    def mean(self) -> float:
        """Mean quality over the seeds; only of a point that has some."""
        return mean(self.quality.values())


@dataclass(frozen=True)
class Cell:
    """One model on one data set in one suite, on one machine unless told otherwise.

    Attributes
    ----------
    suite, table, model, task, data
        As in the leaderboard.
    machines
        Where it was run, each with its device: ``machine (cpu)``.
    metric
        What quality is.
    budget
        Its measure is the points' cost; a latency's batch size is the same for all of them.
    dense
        The dense model's point; None where it has no quality.
    points
        Every method's, by method and budget.
    """

    suite: str
    table: str
    model: str
    task: str
    data: str
    machines: tuple[str, ...]
    metric: ShownMetric
    budget: CostBudget
    dense: Point | None
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """Suite and table; on another machine a cell may have the same."""
        return f"{self.suite}: {self.table}"

    @property
    def title(self) -> str:
        """Name, and where it was run."""
        return f"{self.name}, on {' and '.join(self.machines)}"

    @property
    def methods(self) -> list[str]:
        """Methods that have points, sorted."""
        return sorted({point.method for point in self.points})

    def gain(self, value: float) -> float:
        """Return a quality, or a difference of two, so that more is better."""
        return value if self.metric.higher_is_better else -value


def find_cells(
    records: Iterable[Record], budget: CostBudget, *, metric: str | None = None, pool_machines: bool = False
) -> list[Cell]:
    """Return the cells that records come to.

    Parameters
    ----------
    records
        Each trial at most once, superseded ones left out (see :func:`.find.latest`).
    budget
        Its measure is the points' cost.
    metric
        Name of the metric, one that tables show; by default each cell's main one.
    pool_machines
        Let one cell have the trials of all machines and devices. A seed that several have counts once: one that is ok
        before others, of these the one started last.

    Returns
    -------
    list of Cell
        Sorted by name and machine; those without any quality are left out.

    Raises
    ------
    BenchError
        No cell has such a metric, or machines are to be pooled whose times are the cost.
    """
    if pool_machines and budget.of_machine:
        raise BenchError(
            "latencies of different machines are never mixed: rank by params, macs or bits to pool machines"
        )
    places: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        where = "" if pool_machines else _machine(record)
        places.setdefault((record.trial.suite, record.table, where), []).append(record)
    found = [_cell(group, budget, metric) for _, group in sorted(places.items())]
    cells = [cell for cell in found if cell is not None]
    if not cells:
        raise unknown_metric(metric, (record for group in places.values() for record in group))
    return cells


def _cell(records: list[Record], budget: CostBudget, metric: str | None) -> Cell | None:
    known = {one.name: one for record in records for one in shown_metrics(record.measured)}
    main = next((record.measured.metric for record in records if record.measured.metric), None)
    chosen = known.get(metric or main or "")
    if chosen is None:
        return None
    by_row: dict[tuple[str, str], dict[int, Record]] = {}
    dense: dict[int, Record] = {}
    for record in records:
        trial = record.trial
        group = dense if trial.is_dense else by_row.setdefault((record.method.label, str(trial.budget or "")), {})
        group[trial.seed] = max(group.get(trial.seed, record), record, key=_precedence)
    trial = records[0].trial
    budget = budget.among(records)
    reference = _point(dense, budget, chosen, dense) if dense else None
    return Cell(
        trial.suite,
        records[0].table,
        trial.model,
        trial.task,
        trial.data,
        tuple(sorted({_machine(record) for record in records})),
        chosen,
        budget,
        reference if reference and reference.quality else None,
        tuple(_point(group, budget, chosen, dense) for _, group in sorted(by_row.items())),
    )


def _precedence(record: Record) -> tuple[bool, str]:
    """Return which of several machines' records of one trial counts: the largest; ``started`` sorts as a text."""
    return record.status == "ok", record.started


def _machine(record: Record) -> str:
    return f"{record.machine} ({record.trial.device})"


def _point(group: dict[int, Record], budget: CostBudget, metric: ShownMetric, dense: dict[int, Record]) -> Point:
    records = [group[seed] for seed in sorted(group)]
    costs = [cost for cost in map(budget.cost, records) if cost is not None and math.isfinite(cost)]
    values = {
        record.trial.seed: quality(record, "finished", metric.name) for record in records if record.status == "ok"
    }
    known = {seed: value for seed, value in values.items() if value is not None}
    unequal = [differences(record, dense[record.trial.seed]) for record in records if record.trial.seed in dense]
    notes = [f"made with another {', another '.join(one)} than the dense model" for one in unequal if one]
    if budget.of_machine:
        notes += filter(None, map(load_note, records))
    return Point(
        records[0].method.label,
        str(records[0].trial.budget or ""),
        mean(costs) if costs else None,
        known,
        len(records),
        _failure([record for record in records if record.trial.seed not in known], len(records)),
        tuple(dict.fromkeys(notes)),
    )


def _failure(records: list[Record], seeds: int) -> str:
    """Say why records have no quality: ``diverged``, ``failed: no room``, ``1 of 3 seeds diverged``."""
    reasons = Counter(_reason(record) for record in records)
    if len(records) == seeds and len(reasons) == 1:
        return next(iter(reasons))
    return ", ".join(f"{count} of {seeds} seeds {reason}" for reason, count in reasons.items())


def _reason(record: Record) -> str:
    if record.status == "ok":
        return "without a finite metric"
    message = " ".join(record.failure.message.split()) if record.failure else ""
    return f"{record.status}: {message[:200]}" if message else record.status
