"""The columns of the flat table of records, and the row that a record's document gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, get_args

from ..base.model import Infinite
from ..base.text import budget_words
from ..suite.form_name import latency_prefix
from .asked import AskedTrial
from .record import MethodInfo, Record, Status

Document = dict[str, Any]
MOMENTS = ("start", "begun", "trained", "finished", "deployed")
_MACS = "multiply-accumulates per image"
#: Counts of a model with their unit.
COUNTS = {
    "conv_weights": "elements",
    "conv_fc_weights": "elements",
    "parameters": "elements",
    "state": "elements",
    "effective": "elements",
    "bits": "bits",
    "conv_fc_bits": "bits",
    "disk": "bytes",
    "macs": _MACS,
    "macs_formula": _MACS,
    "macs_torch": _MACS,
    "macs_shared": _MACS,
}

#: What every record has, by part.
REQUIRED = {
    part: tuple(name for name, field in model.model_fields.items() if field.is_required())
    for part, model in (("", Record), ("trial", AskedTrial), ("method", MethodInfo))
}
#: How a trial can end.
STATUSES = get_args(Status)

#: What each type's values are in Python; whole numbers do for fractions.
PYTHON = {"string": str, "int64": int, "double": (int, float), "bool": bool}


@dataclass(frozen=True)
class Column:
    """A column: its name, its Arrow type, what it means, and how a document gives its value, None where it has none."""

    name: str
    type: str
    meaning: str
    value: Callable[[Document], Any]
    required: bool = False

    def of(self, document: Document) -> Any:
        """Return the document's value.

        Raises
        ------
        ValueError
            It is of another type, or missing where every record has one.
        """
        value = self.value(document)
        if value is None and not self.required:
            return None
        if not isinstance(value, PYTHON[self.type]) or (isinstance(value, bool) and self.type != "bool"):
            raise ValueError(f"not a whole record: {self.name} is {value!r:.40}, not {self.type}")
        return value


@dataclass(frozen=True)
class Family:
    """Columns whose number depends on what was measured: their names' pattern, type and meaning."""

    name: str
    type: str
    meaning: str


def flat_row(document: Document, written: int) -> dict[str, Any]:
    """Return a record as one flat row.

    Parameters
    ----------
    document
        Of the present version, see :func:`.lines.read_line`.
    written
        The version it was written in.

    Raises
    ------
    ValueError
        A value is of another type than it should be, or what every record has is missing.
    """
    for part, names in REQUIRED.items():
        members = document.get(part) if part else document
        if not isinstance(members, dict):
            raise ValueError(f"not a whole record: {part} is {members!r:.40}")
        if missing := [name for name in names if name not in members]:
            raise ValueError(f"not a whole record: no {f'{part}.' if part else ''}{missing[0]}")
    if document["status"] not in STATUSES:
        raise ValueError(f"not a whole record: status is {document['status']!r:.40}")
    row = {column.name: column.of(document) for column in FIXED} | {"schema_version": written}
    try:
        return row | dict(_metrics(document)) | dict(_latencies(document))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a whole record: {type(error).__name__}: {error}") from None


def ordered(names: Iterable[str]) -> list[str]:
    """Return columns' names in their order: the fixed ones, then metrics, then times."""
    fixed = {column.name: number for number, column in enumerate(FIXED)}
    rest = len(fixed)
    return sorted(names, key=lambda name: (fixed.get(name, rest), name.startswith("latency_"), _natural(name)))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ``b8`` before ``b128``."""
    return [(len(part), part) for part in name.split("_")] if name.startswith("latency_") else [(0, name)]


def _at(*path: str) -> Callable[[Document], Any]:
    """Return a function that looks up a nested member, None where there is none."""
    return lambda document: reduce(lambda part, key: part.get(key) if isinstance(part, dict) else None, path, document)


def _json_at(*path: str) -> Callable[[Document], str | None]:
    """Return a function that gives a nested member as JSON with sorted keys."""
    look_up = _at(*path)

    def value(document: Document) -> str | None:
        found = look_up(document)
        return None if found is None else json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    return value


def _budget(document: Document) -> str:
    budget = _at("trial", "budget")(document)
    return budget_words(budget) if isinstance(budget, dict) else ""


def _layers(document: Document) -> str:
    return _at("trial", "layers")(document) or "conv"


def _main_metric(moment: str) -> Callable[[Document], float | None]:
    quality = _at("measured", "quality", moment)
    return lambda document: _score((quality(document) or {}).get(document["measured"].get("metric")))


def _score(value: Any) -> Any:
    """Return a metric's value, an infinite one as a number."""
    return float(value) if value in get_args(Infinite) else value


def _noise(document: Document) -> str:
    found = _at("measured", "latency")(document) or ()
    return ",".join(sorted({kind for latency in found for kind in latency.get("noise", ())}))


def _other_load(document: Document) -> float | None:
    found = _at("measured", "latency")(document) or ()
    return max((load for latency in found if (load := latency.get("other_load")) is not None), default=None)


def _metrics(document: Document) -> Iterator[tuple[str, float]]:
    for moment, values in document["measured"].get("quality", {}).items():
        yield from ((f"{moment}_{name}", float(value)) for name, value in values.items() if value is not None)


def _latencies(document: Document) -> Iterator[tuple[str, float]]:
    for latency in document["measured"].get("latency", ()):
        prefix = latency_prefix(latency["form"], latency["batch_size"])
        values = {
            "ms": latency["median"],
            "dense_ms": latency["dense_median"],
            "ratio": latency["ratio"],
            "low": latency["ratio_interval"][0],
            "high": latency["ratio_interval"][1],
            "confidence": latency.get("confidence", 0.95),
            "macs": latency["macs"],
        }
        for name in ("median", "dense_median"):
            if interval := latency.get(f"{name}_interval"):
                short = name.replace("median", "ms")
                values |= {f"{short}_low": interval[0], f"{short}_high": interval[1]}
        for name in ("memory", "dense_memory"):
            if memory := latency.get(name):
                values[f"{name.replace('memory', 'call_memory')}"] = memory["peak"] - memory["before"]
        yield from ((f"{prefix}_{name}", float(value)) for name, value in values.items())


def _counts() -> Iterator[Column]:
    for prefix, what in (("", "finished"), ("dense_", "dense")):
        member = f"{prefix}counts"
        for name, unit in COUNTS.items():
            kind = "double" if name == "effective" else "int64"
            meaning = f"`Counts.{name}` of the {what} model, {unit}."
            yield Column(f"{prefix}{name}", kind, meaning, _at("measured", member, name))


FIXED = (
    Column("suite", "string", "Name of the suite.", _at("trial", "suite"), required=True),
    Column("suite_version", "int64", "Its version.", _at("trial", "suite_version"), required=True),
    Column("machine", "string", "Id of the machine.", _at("machine"), required=True),
    Column("device", "string", "`cpu`, `cuda` or `cuda:N`.", _at("trial", "device"), required=True),
    Column("table", "string", "Name of the table: model and data.", _at("table"), required=True),
    Column("model", "string", "Name of the model.", _at("trial", "model"), required=True),
    Column("task", "string", "Name of the task.", _at("trial", "task"), required=True),
    Column("data", "string", "Name of the data.", _at("trial", "data"), required=True),
    Column("eligible", "string", "What methods compress and budgets count: `conv`, `conv+linear`.", _layers),
    Column("method", "string", "Registered name of the method.", _at("method", "name"), required=True),
    Column("label", "string", "Name of the row in tables.", _at("method", "label"), required=True),
    Column("method_version", "int64", "Version of the method.", _at("method", "version"), required=True),
    Column("kind", "string", "Kind of the method; `none` for the dense model.", _at("method", "kind")),
    Column(
        "settings",
        "string",
        "All settings of the method but the one a budget moves, as JSON.",
        _json_at("method", "settings"),
    ),
    Column("budget", "string", "The budget, like `params=30%`; empty without one.", _budget),
    Column(
        "budget_ratio",
        "double",
        "What the plan comes to on the budget's count, 0 to 1.",
        _at("measured", "planned", "budget_ratio"),
    ),
    Column(
        "knob", "string", "What the budget set: field, low and high, as JSON.", _json_at("measured", "planned", "knob")
    ),
    Column("recipe", "string", "How it was trained, as JSON.", _json_at("trial", "recipe")),
    Column("seed", "int64", "Of all random numbers.", _at("trial", "seed"), required=True),
    Column("name", "string", "The trial's name.", _at("name"), required=True),
    Column("status", "string", "How it ended.", _at("status"), required=True),
    Column("failure", "string", "Why it is not ok.", _at("failure", "message")),
    *_counts(),
    Column("planned_weights", "int64", "Conv weights by the plan, elements.", _at("measured", "planned", "weights")),
    Column("planned_macs", "int64", "Multiply-accumulates per image by the plan.", _at("measured", "planned", "macs")),
    Column("planned_bits", "int64", "Bits of the conv weights by the plan.", _at("measured", "planned", "bits")),
    Column(
        "compressed_layers", "int64", "How many convs are replaced.", _at("measured", "planned", "compressed_layers")
    ),
    Column("layers", "int64", "How many convs there are.", _at("measured", "planned", "layers")),
    Column("metric", "string", "Name of the main metric.", _at("measured", "metric")),
    Column("unit", "string", "Its unit.", _at("measured", "unit")),
    Column("higher_is_better", "bool", "Whether more of it is better.", _at("measured", "higher_is_better")),
    *(
        Column(
            f"quality_{moment}",
            "double",
            f"The main metric at the moment `{moment}`, in its unit.",
            _main_metric(moment),
        )
        for moment in MOMENTS
    ),
    Column("decomposed_at", "string", "`begin` or `finish` of training.", _at("measured", "decomposition", "at")),
    Column("epochs", "double", "Passes over the training data.", _at("measured", "training", "epochs")),
    Column("steps", "int64", "Optimiser steps.", _at("measured", "training", "steps")),
    Column("train_seconds", "double", "Seconds of training.", _at("measured", "training", "seconds")),
    Column("train_memory", "int64", "Most bytes that training took.", _at("measured", "training", "memory", "peak")),
    Column("compress_seconds", "double", "Seconds of compressing.", _at("measured", "compress_seconds")),
    Column("peak_rss", "int64", "Largest resident memory of the process in bytes.", _at("measured", "peak_rss")),
    Column("noise", "string", "What spoiled the times, joined by commas.", _noise),
    Column("other_load", "double", "Cores that other processes kept busy during timing, at most.", _other_load),
    Column("started", "string", "When the trial began: UTC, ISO 8601.", _at("started"), required=True),
    Column("seconds", "double", "Seconds of the whole trial.", _at("seconds"), required=True),
    Column("revision", "string", "Revision of the code.", _at("provenance", "revision")),
    Column("torch", "string", "Version of torch.", _at("provenance", "libraries", "torch")),
    Column("state_sha256", "string", "Hash over the finished model's state.", _at("measured", "state_sha256")),
    Column("key", "string", "Hash over what was asked for.", _at("key"), required=True),
    Column("schema_version", "int64", "Version of the schema that the line was written in.", _at("schema_version")),
)

_TIME = "of a batch of `N` in the form `FORM`, which is not named where it is `eager`"
FLEXIBLE = (
    Family("MOMENT_METRIC", "double", "Every metric at every moment, in its unit: `finished_top1`."),
    Family("latency_FORM_bN_ms", "double", f"Median time {_TIME}, in ms; `_ms_low`, `_ms_high`: its interval."),
    Family("latency_FORM_bN_dense_ms", "double", "The dense model's; `_dense_ms_low`, `_dense_ms_high`: its interval."),
    Family("latency_FORM_bN_ratio", "double", "Time relative to the dense model's; `_low`, `_high`: its interval."),
    Family("latency_FORM_bN_confidence", "double", "Confidence of the ratio's interval, as a fraction."),
    Family("latency_FORM_bN_macs", "double", "Multiply-accumulates per image in the layers' fastest forms."),
    Family("latency_FORM_bN_call_memory", "double", "Bytes a call takes; `_dense_call_memory`: of the dense model."),
)  # fmt: skip
