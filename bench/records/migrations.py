"""Migrations: records of older versions are made into the present one, a step a version, whenever a line is read.

A step takes the JSON document of its version and returns that of the next. It asks no suite, recipe or method: the
defaults of its time stand in it. ``tests/bench/records`` keeps a line of every version and kind that was ever written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.provenance.software import key_of

#: Raised when a field changes its meaning or goes, together with a step below that makes a record of the version before
#: into one of this. Readers refuse records of newer versions than they know.
SCHEMA_VERSION = 3
#: Raised when a field comes. Readers keep the fields of a newer minor version without knowing them.
SCHEMA_MINOR = 1

Document = dict[str, Any]


def migrated(document: Document) -> Document:
    """Return a record's document in the present version.

    Parameters
    ----------
    document
        As it was read, of at most the present ``schema_version``; it may be changed.
    """
    while document["schema_version"] < SCHEMA_VERSION:
        document = MIGRATIONS[document["schema_version"]](document)
    return document


#: Cores kept busy by other processes above which times counted as spoiled.
_NOTABLE_LOAD_1 = 0.3


def _from_1(document: Document) -> Document:
    """Name the form that models were timed in, which was a ``memory_format`` before there were others."""
    settings = document.get("trial", {}).get("measure", {})
    if "memory_format" in settings:
        settings.setdefault("forms", [_form(settings.pop("memory_format"))])
    for latency in document.get("measured", {}).get("latency", []):
        if "memory_format" in latency:
            latency["form"] = _form(latency.pop("memory_format"))
            # whether others' load spoils the times was left to the reader then
            latency["noise"] = ["load"] if (latency.get("other_load") or 0.0) > _NOTABLE_LOAD_1 else []
        latency.setdefault("form", "eager")
    return document | {"schema_version": 2}


def _form(memory_format: str) -> str:
    return "channels_last" if memory_format == "channels_last" else "eager"


def _from_2(document: Document) -> Document:
    """Split the ``fingerprint`` into what was asked for and what the record was made with."""
    fingerprint = document.pop("fingerprint")
    provenance = {
        "libraries": document.pop("software"),
        "sources": {"all": fingerprint["source"]} if "source" in fingerprint else {},
        "revision": document.pop("revision", None),
        "threads": fingerprint.get("threads"),
        "processor": fingerprint.get("device"),
    }
    identity = _identity_2(document, fingerprint)
    return document | {
        "schema_version": 3,
        "schema_minor": 0,
        "key": key_of(identity),
        "identity": identity,
        "provenance": provenance,
    }


#: Defaults of recipes and of measuring when version 2 was written.
_RECIPE_2: Document = {
    "epochs": 1, "cycles": 1, "batch_size": 128, "optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4,
    "decay_all": False, "schedule": "cosine", "milestones": [], "decay_rate": 0.1, "warmup_epochs": 0,
    "clip_grad": None, "precision": "no", "channels_last": True, "distill": None, "ema": None, "accumulate": 1,
    "compile": False,
}  # fmt: skip
_MEASURE_2: Document = {
    "batch_sizes": [1, 128], "forms": ["eager"], "seconds": 1.0, "half_width": 0.01, "threads": 2,
}  # fmt: skip
_METHOD_2: Document = {"unreachable": "error", "select": None, "overrides": None, "inefficient": "skip"}
#: All protocols, and tasks of ours, were of the version that they were first declared with.
_PROTOCOLS_2 = {"models": 1, "compression": 1, "training": 1, "measuring": 1}


def _identity_2(document: Document, fingerprint: Document) -> Document:
    trial, method = document["trial"], document["method"]
    choice = trial["method"]
    plan = document["measured"].get("plan") or {}
    others = {
        one["name"]: one["version"]
        for group in plan.get("groups", ())
        if (one := group.get("method")) and one["name"] != choice["name"]
    }
    from_outside = fingerprint.get("task")  # the hash of a plugin's source
    return {
        "entry": trial["entry"],
        "model": {"name": trial["model"], "options": trial["model_options"]},
        "budget": trial["budget"] and _given(trial["budget"]),
        "recipe": _without(trial["recipe"], _RECIPE_2),
        "seed": trial["seed"],
        "measure": _without(trial["measure"], _MEASURE_2),
        "device": trial["device"].partition(":")[0],
        "devices": trial.get("devices", 1),
        "weights": _start_2(trial, fingerprint),
        "data": {"name": trial["data"], "revision": fingerprint.get("data")},
        "task": {
            "name": trial["task"],
            "version": f"source {from_outside}" if from_outside else 1,
            "options": trial["task_options"],
        },
        "method": {
            "name": choice["name"],
            **_without(choice, _METHOD_2, only=True),
            **({"select": _given(choice["select"])} if choice.get("select") else {}),
            "settings": choice.get("settings", {}),
            "version": method["version"] or None,
            **({"others": others} if others else {}),
        },
        "protocols": dict(_PROTOCOLS_2),
    }


def _start_2(trial: Document, fingerprint: Document) -> Document:
    """Return where the weights came from; a baseline's record does not tell which pretrained weights it had."""
    baseline = trial.get("baseline")
    start: Document = {"from": "seed"}
    if trial["pretrained"]:
        start = {"from": "pretrained", "sha256": None if baseline else fingerprint.get("weights")}
    return start if not baseline else {
        "from": "baseline", "recipe": _without(baseline["recipe"], _RECIPE_2), "start": start,
    }  # fmt: skip


def _without(settings: Document, defaults: Document, *, only: bool = False) -> Document:
    """Return the settings that are not at their defaults, with ``only`` of those that have one."""
    names = [name for name in settings if name in defaults or not only]
    return {name: settings[name] for name in names if name not in defaults or settings[name] != defaults[name]}


def _given(settings: Document) -> Document:
    """Return settings without those that are null, at any depth."""
    return {
        name: _given(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if value is not None
    }


#: By the version that a step starts from.
MIGRATIONS: dict[int, Callable[[Document], Document]] = {1: _from_1, 2: _from_2}
