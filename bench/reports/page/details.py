"""The page's details of a row: plan, training, quality by moment, settings, versions; one entry a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...base.model import score_to_json
from ...records.record import Record, Training
from .packing import Pool
from .rows import RowPlace, place_of

#: The costs of a layer that the page shows.
COUNTS = ("weights", "macs", "bits")


def details_data(records: Iterable[Record], rows: Mapping[RowPlace, str]) -> dict[str, Any]:
    """Return the data that is loaded after the table is shown.

    Parameters
    ----------
    records
        The records that the rows were made from.
    rows
        Ids of the rows by their places.

    Returns
    -------
    dict
        ``records``: one entry a record, with the id of its ``row``. What many records share is in ``pool``, and the
        record has its number there: ``plan``, ``history``, ``software``, ``runtime``, ``method`` and each part of
        ``trial``.
    """
    pool = Pool()
    entries = [_entry(record, rows[place_of(record)], pool) for record in records]
    return {"records": entries, "pool": pool.values}


def _entry(record: Record, row: str, pool: Pool) -> dict[str, Any]:
    measured = record.measured
    failure = record.failure
    return {
        "row": row,
        "name": record.name,
        "key": record.key,
        "seed": record.trial.seed,
        "status": record.status,
        "started": record.started,
        "seconds": _short(record.seconds),
        "revision": record.provenance.revision,
        "threads": record.provenance.threads,
        "processor": record.provenance.processor,
        "suite_version": record.trial.suite_version,
        "failure": failure and failure.model_dump(mode="json"),
        "quality": {moment: _shortened(values) for moment, values in measured.quality.items()},
        "decomposition": measured.decomposition and measured.decomposition.model_dump(mode="json"),
        "metric": measured.metric,
        "training": measured.training and _training(measured.training, pool),
        "plan": measured.plan and pool.add(_plan(measured.plan, pool)),
        "software": pool.add(record.provenance.libraries),
        "sources": pool.add(record.provenance.sources),
        "identity": pool.add(record.identity),
        "runtime": pool.add(measured.runtime),
        "method": pool.add(record.method.model_dump(mode="json")),
        "trial": {name: pool.add(value) for name, value in record.trial.model_dump(mode="json").items()},
    }


def _training(training: Training, pool: Pool) -> dict[str, Any]:
    """Return the curves column by column: the learning rate of one recipe, say, is then kept once."""
    names = dict.fromkeys(name for line in training.history for name in line)
    columns = {name: [_short(line.get(name)) for line in training.history] for name in names}
    return {
        "epochs": training.epochs,
        "steps": training.steps,
        "seconds": _short(training.seconds),
        "converged": training.converged,
        "notes": training.notes,
        "history": {name: pool.add(values) for name, values in columns.items()},
    }


def _plan(plan: dict[str, Any], pool: Pool) -> dict[str, Any]:
    """Return a plan whose layers are lists: number of the layer as it was, costs after, group, reason."""
    return {
        "layers": [
            [pool.add(_layer(layer)), [layer["after"][name] for name in COUNTS], layer["group"], layer["reason"]]
            for layer in plan["layers"]
        ],
        "groups": [
            {
                "method": group["method"]["name"],
                "settings": group["method"]["settings"],
                "shared": [group["shared"][name] for name in COUNTS],
                "layers": len(group["paths"]),
            }
            for group in plan["groups"]
        ],
        "note": plan["note"],
        "target": plan["target"],
    }


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer as it was before: the same in all plans of a model."""
    spec = layer["spec"]
    kept = ("path", "type", "in_channels", "out_channels", "kernel_size", "stride", "groups", "output_size")
    return {name: spec[name] for name in kept} | {"before": [layer["before"][name] for name in COUNTS]}


def _short(value: Any) -> Any:
    """Return a number to five digits, which is finer than a curve can be drawn."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _shortened(values: Mapping[str, float | None]) -> dict[str, Any]:
    return {name: value if value is None else score_to_json(float(f"{value:.7g}")) for name, value in values.items()}
