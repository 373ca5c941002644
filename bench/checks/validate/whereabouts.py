"""The places of records: folders' names, the machine's description, and records that are there more than once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ...base.provenance.software import key_of
from ...records.record import FINAL, Record
from .read import RecordLine
from .report import Finding


def check_file(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with the description of the machine that a records file is of."""
    machine = path.resolve().parent.name
    description = path.resolve().parents[2] / "machines" / f"{machine}.json"
    try:
        described = json.loads(description.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield Finding(path, None, f"the machine {machine} is not described: machines/{machine}.json is missing")
        return
    except (OSError, ValueError) as error:
        yield Finding(path, None, f"machines/{machine}.json cannot be read: {error}")
        return
    if not isinstance(described, dict) or described.get("id") != machine:
        yield Finding(path, None, f"machines/{machine}.json describes another machine")


def check_place(record: Record, path: Path) -> Iterator[str]:
    """Yield where a record's folder, names and key are not those of its trial."""
    folder = path.resolve().parent
    if record.machine != folder.name:
        yield f"machine is {record.machine}, but the folder is {folder.name}"
    if record.trial.suite != folder.parent.name:
        yield f"trial.suite is {record.trial.suite}, but the folder is {folder.parent.name}"
    if record.table != record.trial.table:
        yield f"table is {record.table}, by the trial {record.trial.table}"
    if record.name != record.trial.name:
        yield f"name is {record.name}, by the trial {record.trial.name}"
    if record.method.name != record.trial.method.name:
        yield f"method.name is {record.method.name}, by the trial {record.trial.method.name}"
    if record.key != key_of(record.identity):
        yield "key is not the SHA-256 of identity"


def check_repeats(lines: list[RecordLine]) -> Iterator[Finding]:
    """Yield the lines of a file that are there already, or contradict one of the same key.

    A trial that failed may be run again, and any trial by ``run --redo``: later records of a key are allowed, but
    equal keys must give equal status and counts.
    """
    first: dict[str, RecordLine] = {}
    contents: dict[bytes, int] = {}
    for line in lines:
        if line.content in contents:
            yield Finding(line.path, line.number, f"the same line as line {contents[line.content]}")
            continue
        contents[line.content] = line.number
        known = first.get(line.record.key)
        if known is not None:
            for what in _contradictions(known.record, line.record):
                yield Finding(line.path, line.number, f"has the key of line {known.number}, but {what}")
        if known is None or known.record.status not in FINAL:
            first[line.record.key] = line


def _contradictions(one: Record, other: Record) -> Iterator[str]:
    if one.started == other.started:
        yield "with the same start other content: one of them was changed"
    elif one.status in FINAL and other.status in FINAL:
        if one.status != other.status:
            yield f"ended as {other.status}, not {one.status}"
        for name in ("planned", "counts", "dense_counts"):
            if getattr(one.measured, name) != getattr(other.measured, name):
                yield f"other {name}: equal keys must have equal outcomes"
