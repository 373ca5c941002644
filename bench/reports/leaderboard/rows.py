"""The rows of the leaderboard: one for each method at each budget, the mean over its seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from statistics import mean
from typing import Any

import pandas as pd

from ...records.record import Counts, Latency, Record
from ...records.superseded import Versions
from ...suite.form_name import EAGER, latency_prefix
from ..budgets import budget_of
from ..scores import difference, mean_score, spread
from .leaders import mark_leaders
from .row_notes import final, notes, other_load, quality

#: Counts that become columns, each with its share of the dense model's.
COUNTS = (
    "conv_weights", "conv_fc_weights", "parameters", "state", "effective", "bits", "conv_fc_bits", "disk", "macs",
    "macs_shared",
)  # fmt: skip
#: The dense model's count that is 100 %, where it has none of that name.
REFERENCE = {"macs_shared": "macs"}

#: What a column of a further metric begins with; its name and unit follow: ``final psnr_y[Set14] dB``.
ALSO_FINAL = "final "

Row = dict[str, Any]


def leaderboard(
    records: Iterable[Record], reference: Collection[tuple[str, str]] = (), versions: Versions | None = None
) -> pd.DataFrame:
    """Return the leaderboard as a frame: a row for each method at each budget, the mean over its seeds.

    Rows of a table (same suite, machine, device, model and data) stand together: the dense model first, then
    budget by budget from large to small, within a budget by final quality, rows without quality last.

    Parameters
    ----------
    records
        Of any suites and machines; each trial at most once (see :func:`.find.latest`).
    reference
        Suite and machine of those that are the repository's and not one's own. If there are any the frame has a column
        ``reference`` that tells.
    versions
        Which versions are the newest, where that is known already; found out among ``records`` if None.

    Returns
    -------
    pandas.DataFrame
        Percentages are of the dense model's counts; sizes are in bytes, latencies in ms a batch, times in s,
        quality in the unit of ``metric``; further metrics that the task shows have columns such as
        ``final psnr_y[Set14] dB``. Qualities of the trained, finished and deployed model are means over the seeds that
        are ok; ``drop`` is how much worse the final quality is than the dense one.
        ``budget_percent`` is what the row comes to on its budget's measure, in % of the dense model.
        ``seeds`` is how many were run, ``ok_seeds`` how many of these are ok.
        ``settings`` are without the setting that a budget moves: ``knob`` has its field and the values it took.
        ``other_load`` is how many cores other processes kept busy during timing.
        ``notes`` is a list of texts. What was not measured is missing. ``standing`` is how a row stands to the leader
        of its budget, see :func:`.leaderboard.leaders.mark_leaders`.
    """
    records = list(records)
    versions = versions or Versions.among(records)
    tables: dict[tuple[Any, ...], dict[tuple[Any, ...], list[Record]]] = {}
    for record in records:
        trial = record.trial
        place = (trial.suite, record.machine, trial.device, record.table)
        old = trial.suite_version if versions.why(record) else None
        point = (trial.method.row, str(trial.budget or ""), record.method.version, old)
        tables.setdefault(place, {}).setdefault(point, []).append(record)
    rows: list[Row] = []
    for points in tables.values():
        dense = [record for group in points.values() for record in group if record.trial.is_dense]
        of_table = [_row(group, _references(dense, old), versions) for (*_, old), group in points.items()]
        rows += sorted(of_table, key=_order)
    frame = mark_leaders(pd.DataFrame(rows))
    if reference:
        frame["reference"] = [(row["suite"], row["machine"]) in reference for row in rows]
    return frame


def _references(dense: list[Record], suite_version: int | None) -> dict[int, Record]:
    """Return by seed the dense record to compare with: the newest, for superseded rows the newest of their time."""
    ordered = sorted(dense, key=lambda record: (record.trial.suite_version, record.method.version))
    return {r.trial.seed: r for r in ordered if suite_version is None or r.trial.suite_version <= suite_version}


def _row(group: list[Record], dense: dict[int, Record], versions: Versions) -> Row:
    """Return the row of one method at one budget from its records, one a seed."""
    first = group[0]
    ok = [record for record in group if record.status == "ok"]
    trial, measured = first.trial, next(iter(ok), first).measured
    by_seed = _by_seed(ok)
    finals = list(by_seed.values())
    drops = [_drop(record, dense.get(record.trial.seed)) for record in ok]
    superseded = versions.notes(group)
    return {
        "suite": trial.suite,
        "machine": first.machine,
        "device": trial.device,
        "table": first.table,
        "model": trial.model,
        "task": trial.task,
        "data": trial.data,
        "eligible": trial.layers,
        "method": first.method.label,
        "settings": first.method.settings,
        "knob": _knob(group),
        "kind": first.method.kind,
        "budget": str(trial.budget or ""),
        "budget_percent": _budget_percent(group),
        "seeds": len(group),
        "ok_seeds": len(ok),
        "status": ", ".join(sorted({record.status for record in group})),
        **_sizes(group),
        **_latencies(group),
        "metric": measured.metric,
        "unit": measured.unit,
        "higher_is_better": measured.higher_is_better,
        "decomposed_at": measured.decomposition.at if measured.decomposition else None,
        "before_decomposition": mean_score(_decomposition(record, "before") for record in group),
        "after_decomposition": mean_score(_decomposition(record, "after") for record in group),
        "trained": mean_score(quality(record, "trained") for record in ok),
        "final": mean_score(finals),
        "deployed": mean_score(quality(record, "deployed") for record in ok),
        "final_sd": spread(finals),
        "final_by_seed": {} if superseded else by_seed,  # what is superseded leads nothing
        **{
            f"{ALSO_FINAL}{name} {unit}".rstrip(): mean_score(quality(record, "finished", name) for record in ok)
            for name, unit in measured.also_shown.items()
        },
        "drop": mean_score(drops),
        "epochs": mean_score(r.measured.training and r.measured.training.epochs for r in group),
        "train_memory": _most(_training_memory(record) for record in group),
        "train_seconds": mean_score(r.measured.training and r.measured.training.seconds for r in group),
        "compress_seconds": mean_score(record.measured.compress_seconds for record in group),
        "peak_rss": max((r.measured.peak_rss or 0 for r in group), default=0) or None,
        "other_load": max((other_load(record) for record in group), default=0.0),
        "notes": [*superseded, *notes(group, dense)],
    }


def _order(row: Row) -> tuple[Any, ...]:
    """Sort key: dense first, larger budgets first, better quality first, rows without quality last."""
    _, _, percent = row["budget"].partition("=")
    size = -float(percent.rstrip("%")) if percent else 0.0
    final = row["final"]
    sign = 1.0 if row["higher_is_better"] is False else -1.0
    count = row["budget"].partition("=")[0]
    return (row["kind"] != "none", count, size, final is None, sign * (final or 0.0))


def _knob(group: list[Record]) -> Row | None:
    """Return the values that the budget gave to the method's knob; the plan is the same for every seed."""
    planned = group[0].measured.planned
    return planned.knob.model_dump() if planned and planned.knob else None


def _budget_percent(group: list[Record]) -> float | None:
    """Return what the row comes to on its budget's measure; None for a size of its own."""
    budget = budget_of(group[0])
    share = budget and mean_score(budget.cost(record) for record in group)
    return None if share is None else 100 * share


def _sizes(group: list[Record]) -> Row:
    """Return the counts and their share of the dense model's."""
    row: Row = {}
    for name in COUNTS:
        own = mean_score(_count(record.measured.counts, name) for record in group)
        dense = mean_score(_count(record.measured.dense_counts, REFERENCE.get(name, name)) for record in group)
        row[name] = own if own is None or own % 1 else int(own)
        row[f"{name}_percent"] = 100 * own / dense if own is not None and dense else None
    return row


def _latencies(group: list[Record]) -> Row:
    """Return medians and ratios by form and batch size; of several seeds the mean.

    Low and high are the lowest and the highest end of the seeds' intervals; the confidence is that of a single one.
    """
    row: Row = {}
    timed: dict[tuple[str, int], list[Latency]] = {}
    for record in group:
        for latency in record.measured.latency:
            timed.setdefault((latency.form, latency.batch_size), []).append(latency)
    dense_macs = mean_score(_count(record.measured.dense_counts, "macs") for record in group)
    for (form, batch), latencies in sorted(timed.items(), key=lambda item: (item[0][0] != EAGER, item[0])):
        prefix = latency_prefix(form, batch)
        macs = mean(latency.macs for latency in latencies)
        row |= {
            f"{prefix}_macs": macs,
            f"{prefix}_percent": 100 * macs / dense_macs if dense_macs else None,
            f"{prefix}_ms": mean(latency.median for latency in latencies),
            f"{prefix}_dense_ms": mean(latency.dense_median for latency in latencies),
            f"{prefix}_ratio": mean(latency.ratio for latency in latencies),
            f"{prefix}_low": min(latency.ratio_interval[0] for latency in latencies),
            f"{prefix}_high": max(latency.ratio_interval[1] for latency in latencies),
            f"{prefix}_confidence": min(latency.confidence for latency in latencies),
            f"{prefix}_call_memory": _most(
                latency.memory and latency.memory.peak - latency.memory.before for latency in latencies
            ),
        }
    return row


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _training_memory(record: Record) -> int | None:
    training = record.measured.training
    return training.memory.peak if training and training.memory else None


def _decomposition(record: Record, which: str) -> float | None:
    decomposition = record.measured.decomposition
    return getattr(decomposition, which).get(record.measured.metric) if decomposition else None


def _by_seed(records: list[Record]) -> dict[int, float]:
    """Return the final quality by seed, where there is one."""
    finals = {record.trial.seed: final(record) for record in records}
    return {seed: value for seed, value in finals.items() if value is not None}


def _drop(record: Record, dense: Record | None) -> float | None:
    """Return how much worse the final quality is than that of the dense trial, if this is ok."""
    own, reference = final(record), final(dense) if dense and dense.status == "ok" else None
    if own is None or reference is None:
        return None
    lower_is_better = record.measured.higher_is_better is False
    return difference(own, reference) if lower_is_better else difference(reference, own)


def _count(counts: Counts | None, name: str) -> Any:
    return getattr(counts, name) if counts else None
