"""Records of older versions made into the present one: one step a version, applied whenever a line is read.

The files themselves are never changed. A step takes the JSON document of its version and returns that of the next;
``tests/bench/records`` has a line of every version and kind that was ever written, and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.machine import NOTABLE_LOAD

#: Raised when a field changes its meaning, comes or goes, together with a step below that makes a record of the version
#: before into one of this. Readers refuse newer records than they know.
SCHEMA_VERSION = 2

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


def _from_1(document: Document) -> Document:
    """Name the form that models were timed in, which was a ``memory_format`` before there were others."""
    settings = document.get("trial", {}).get("measure", {})
    if "memory_format" in settings:
        settings.setdefault("forms", [_form(settings.pop("memory_format"))])
    for latency in document.get("measured", {}).get("latency", []):
        if "memory_format" in latency:
            latency["form"] = _form(latency.pop("memory_format"))
            # whether others' load spoils the times was left to the reader then
            latency["noise"] = ["load"] if (latency.get("other_load") or 0.0) > NOTABLE_LOAD else []
        latency.setdefault("form", "eager")
    return document | {"schema_version": 2}


def _form(memory_format: str) -> str:
    return "channels_last" if memory_format == "channels_last" else "eager"


#: By the version that a step starts from.
MIGRATIONS: dict[int, Callable[[Document], Document]] = {1: _from_1}
