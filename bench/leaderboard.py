"""Tables from records: one row for each method at each budget, derived and never stored."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pandas as pd

from .errors import BenchError, suggestion
from .machine import NOTABLE_LOAD
from .record import Counts, Latency, Record
from .store import Damage, read_all

#: Relative distance from the budget above which a row must say why.
BUDGET_TOLERANCE = 0.1
#: Difference of the deployed model's quality, in the metric's unit, above which a row must say so.
NOTABLE_DIFFERENCE = 0.1

#: Counts that become columns, each with its share of the dense model's.
COUNTS = (
    "conv_weights", "conv_fc_weights", "parameters", "state", "effective", "bits", "disk", "macs", "macs_shared",
)  # fmt: skip
#: The dense model's count that is 100 %, where it has none of that name.
REFERENCE = {"macs_shared": "macs"}

#: What a column of a further metric begins with; its name and unit follow: ``final psnr_y[Set14] dB``.
ALSO_FINAL = "final "

Row = dict[str, Any]


def find_records(results: Path, suite: str | None = None) -> tuple[list[Record], list[Damage]]:
    """Read the records of one suite, or of all, on all machines.

    Parameters
    ----------
    results
        Folder of all results.
    suite
        Name of a suite.

    Raises
    ------
    BenchError
        There are none; the message names the suites that have some.
    """
    files = sorted(results.glob("*/*/records.jsonl"))
    names = sorted({file.parent.parent.name for file in files})
    if suite is not None and suite not in names:
        have = f"; there are records of {', '.join(names)}" if names else ""
        raise BenchError(f"no records of suite '{suite}' in {results}{suggestion(suite, names)}{have}")
    if not files:
        raise BenchError(f"no records in {results}: run a suite first, for example 'decompbench run smoke'")
    return read_all(file.parent for file in files if suite in (None, file.parent.parent.name))


def latest(records: Iterable[Record]) -> list[Record]:
    """Return the last record of each trial's name, of the newest version of each suite on each machine."""
    records = list(records)
    versions: dict[str, int] = {}
    for record in records:
        suite = record.trial.suite
        versions[suite] = max(versions.get(suite, 0), record.trial.suite_version)
    last: dict[tuple[str, ...], Record] = {}
    for record in records:
        trial = record.trial
        if trial.suite_version == versions[trial.suite]:
            last[(trial.suite, record.machine, trial.device, record.name)] = record
    return list(last.values())


def leaderboard(records: Iterable[Record]) -> pd.DataFrame:
    """Return the leaderboard as a frame: a row for each method at each budget, the mean over its seeds.

    Rows of a table (same suite, machine, device, model and data) stand together: the dense model first, then
    budget by budget from large to small, within a budget by final quality, what has none at the end.

    Parameters
    ----------
    records
        Of any suites and machines; each trial at most once (see :func:`latest`).

    Returns
    -------
    pandas.DataFrame
        Percentages are of the dense model's counts; sizes are in bytes, latencies in ms a batch, times in s,
        quality in the unit of ``metric``; further metrics that the task shows have columns such as
        ``final psnr_y[Set14] dB``. ``drop`` is how much worse the final quality is than the dense one.
        ``settings`` are without the setting that a budget moves: ``knob`` has its field and the values it took.
        ``other_load`` is how many cores other processes kept busy during timing.
        ``notes`` is a list of texts. What was not measured is missing.
    """
    tables: dict[tuple[str, ...], dict[tuple[str, str], list[Record]]] = {}
    for record in records:
        trial = record.trial
        place = (trial.suite, record.machine, trial.device, record.table)
        point = (trial.method.row, str(trial.budget or ""))
        tables.setdefault(place, {}).setdefault(point, []).append(record)
    rows: list[Row] = []
    for points in tables.values():
        dense = {r.trial.seed: r for group in points.values() for r in group if r.trial.is_dense}
        rows += sorted((_row(group, dense) for group in points.values()), key=_order)
    return pd.DataFrame(rows)


def _row(group: list[Record], dense: dict[int, Record]) -> Row:
    """Return the row of one method at one budget from its records, one a seed."""
    first = group[0]
    trial, measured = first.trial, first.measured
    finals = _known(_final(record) for record in group)
    drops = _known(_drop(record, dense.get(record.trial.seed)) for record in group)
    return {
        "suite": trial.suite,
        "machine": first.machine,
        "device": trial.device,
        "table": first.table,
        "model": trial.model,
        "task": trial.task,
        "data": trial.data,
        "method": first.method.label,
        "settings": first.method.settings,
        "knob": _knob(group),
        "kind": first.method.kind,
        "budget": str(trial.budget or ""),
        "seeds": len(group),
        "status": ", ".join(sorted({record.status for record in group})),
        **_sizes(group),
        **_latencies(group),
        "metric": measured.metric,
        "unit": measured.unit,
        "higher_is_better": measured.higher_is_better,
        "decomposed_at": measured.decomposition.at if measured.decomposition else None,
        "before_decomposition": _mean(_decomposition(record, "before") for record in group),
        "after_decomposition": _mean(_decomposition(record, "after") for record in group),
        "trained": _mean(_quality(record, "trained") for record in group),
        "final": mean(finals) if finals else None,
        "deployed": _mean(_quality(record, "deployed") for record in group),
        "final_sd": stdev(finals) if len(finals) > 1 else None,
        **{
            f"{ALSO_FINAL}{name} {unit}".rstrip(): _mean(_quality(record, "finished", name) for record in group)
            for name, unit in measured.also_shown.items()
        },
        "drop": mean(drops) if drops else None,
        "epochs": _mean(r.measured.training and r.measured.training.epochs for r in group),
        "train_seconds": _mean(r.measured.training and r.measured.training.seconds for r in group),
        "compress_seconds": _mean(record.measured.compress_seconds for record in group),
        "peak_rss": max((r.measured.peak_rss or 0 for r in group), default=0) or None,
        "other_load": max((_other_load(record) for record in group), default=0.0),
        "notes": _notes(group, dense),
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


def _sizes(group: list[Record]) -> Row:
    """Return the counts and their share of the dense model's."""
    row: Row = {}
    for name in COUNTS:
        own = _mean(_count(record.measured.counts, name) for record in group)
        dense = _mean(_count(record.measured.dense_counts, REFERENCE.get(name, name)) for record in group)
        row[name] = own if own is None or own % 1 else int(own)
        row[f"{name}_percent"] = 100 * own / dense if own is not None and dense else None
    return row


def _latencies(group: list[Record]) -> Row:
    """Return medians and ratios by batch size; over several seeds the mean, with the widest interval."""
    row: Row = {}
    by_batch: dict[int, list[Latency]] = {}
    for record in group:
        for latency in record.measured.latency:
            by_batch.setdefault(latency.batch_size, []).append(latency)
    for batch, latencies in sorted(by_batch.items()):
        row[f"latency_b{batch}_macs"] = mean(latency.macs for latency in latencies)
        dense_macs = _mean(_count(record.measured.dense_counts, "macs") for record in group)
        row[f"latency_b{batch}_percent"] = 100 * row[f"latency_b{batch}_macs"] / dense_macs if dense_macs else None
        row[f"latency_b{batch}_ms"] = mean(latency.median for latency in latencies)
        row[f"latency_b{batch}_dense_ms"] = mean(latency.dense_median for latency in latencies)
        row[f"latency_b{batch}_ratio"] = mean(latency.ratio for latency in latencies)
        row[f"latency_b{batch}_low"] = min(latency.ratio_interval[0] for latency in latencies)
        row[f"latency_b{batch}_high"] = max(latency.ratio_interval[1] for latency in latencies)
    return row


def _notes(group: list[Record], dense: dict[int, Record]) -> list[str]:
    """Return what a reader must know about the row, each text once."""
    note = group[0].trial.method.note
    notes: list[str] = [note] if note else []
    for record in group:
        about = (_failure_note, _budget_note, _deployed_note, _folding_note, _load_note)
        notes += filter(None, (remark(record) for remark in about))
        reference = dense.get(record.trial.seed)
        if reference is None:
            notes.append("no dense trial with this seed to compare with")
        elif differing := _differences(record, reference):
            notes.append(f"made with another {', another '.join(differing)} than the dense row")
    return list(dict.fromkeys(notes))


def _failure_note(record: Record) -> str | None:
    if record.failure is None:
        return None
    message = " ".join(record.failure.message.split())
    short = message if len(message) <= 300 else message[:297] + "..."
    return f"{record.status} while {record.failure.stage}: {short}"


def _budget_note(record: Record) -> str | None:
    """Say why the budget is missed, where it is; the plan's own words if it has some."""
    planned, budget = record.measured.planned, record.trial.budget
    if planned is None or budget is None or planned.budget_ratio is None:
        return None
    if planned.note:
        return planned.note
    ((count, wanted),) = budget.as_dict().items()
    if abs(planned.budget_ratio / wanted - 1) <= BUDGET_TOLERANCE:
        return None
    return f"reaches {100 * planned.budget_ratio:.1f} % of the dense {count}, asked for were {100 * wanted:g} %"


def _deployed_note(record: Record) -> str | None:
    """Say that deploying changed more than rounding."""
    finished, deployed = _final(record), _quality(record, "deployed")
    if finished is None or deployed is None or abs(finished - deployed) <= NOTABLE_DIFFERENCE:
        return None
    return f"deployed it has {deployed:.2f} {record.measured.unit}"


def _folding_note(record: Record) -> str | None:
    if all(latency.folded == latency.dense_folded for latency in record.measured.latency):
        return None
    return "timed with batch-norm folded into one of the two models only, as the other could not be traced"


def _load_note(record: Record) -> str | None:
    load = _other_load(record)
    if load <= NOTABLE_LOAD:
        return None
    # whole cores, so that rows timed under much the same load share one footnote
    cores = math.ceil(load)
    return f"timed while other processes kept up to {cores} {'core' if cores == 1 else 'cores'} busy"


def _other_load(record: Record) -> float:
    """Return the cores that other processes kept busy while the trial was timed, at the busiest batch size."""
    return max((latency.other_load or 0.0 for latency in record.measured.latency), default=0.0)


def _differences(record: Record, reference: Record) -> list[str]:
    """Return what the two trials should share and do not."""
    names = {"source": "code", "data": "data revision", "versions": "library version", "weights": "start"}
    one, other = record.fingerprint, reference.fingerprint
    differing = [text for name, text in names.items() if one.get(name) != other.get(name)]
    lengths = {r.measured.training.epochs if r.measured.training else None for r in (record, reference)} - {None}
    differing += ["length of training"] if len(lengths) > 1 else []
    return differing + (["recipe"] if record.trial.recipe != reference.trial.recipe else [])


def _quality(record: Record, moment: str, metric: str | None = None) -> float | None:
    """Return a metric at one moment, the main one unless told otherwise."""
    return record.measured.quality.get(moment, {}).get(metric or record.measured.metric or "")


def _final(record: Record) -> float | None:
    """Return the main metric of the finished model.

    The deployed one's differs by rounding, and not equally in two runs: which forms are fastest is measured.
    """
    return _quality(record, "finished")


def _decomposition(record: Record, which: str) -> float | None:
    decomposition = record.measured.decomposition
    return getattr(decomposition, which).get(record.measured.metric) if decomposition else None


def _drop(record: Record, dense: Record | None) -> float | None:
    """Return how much worse the final quality is than the dense trial's."""
    own, reference = _final(record), _final(dense) if dense else None
    if own is None or reference is None:
        return None
    return own - reference if record.measured.higher_is_better is False else reference - own


def _count(counts: Counts | None, name: str) -> Any:
    return getattr(counts, name) if counts else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return mean(known) if known else None
