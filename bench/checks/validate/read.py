"""The lines of a records file: JSON, checksum, schema, and no fields that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ...base.errors import StoreError
from ...records.lines import read_line
from ...records.migrations import SCHEMA_MINOR
from ...records.record import Record
from .report import Finding


@dataclass(frozen=True)
class RecordLine:
    """A record, where it stands, the line itself, and the schema's version that it was written in."""

    path: Path
    number: int
    content: bytes
    record: Record
    written: int


def read_lines(path: Path) -> tuple[list[RecordLine], list[Finding]]:
    """Return the records of a file, and what is wrong with its lines as such.

    Raises
    ------
    StoreError
        The file cannot be read.
    """
    lines: list[RecordLine] = []
    findings: list[Finding] = []
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    if content and not content.endswith(b"\n"):
        findings.append(Finding(path, content.count(b"\n") + 1, "the last line does not end: was its writer stopped?"))
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record, written = _record(line)
        except ValidationError as error:
            findings += [Finding(path, number, f"{_place(one['loc'])}: {one['msg']}") for one in error.errors()]
        except ValueError as error:
            findings.append(Finding(path, number, str(error)))
        else:
            if record.schema_minor <= SCHEMA_MINOR:  # a newer minor version may have fields that nobody knows here
                findings += [Finding(path, number, f"unknown field {name}") for name in _unknown(record)]
            lines.append(RecordLine(path, number, line, record, written))
    return lines, findings


def _record(line: bytes) -> tuple[Record, int]:
    document, written = read_line(line)
    json.loads(line, parse_constant=_refuse, object_pairs_hook=_unique)
    return Record.model_validate(document), written


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON: values that are not finite are null")


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in members]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"a member is there twice: {', '.join(sorted(twice))}")
    return dict(members)


def _unknown(value: Any, place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the fields of a record that its version does not have."""
    if isinstance(value, BaseModel):
        yield from (_place((*place, name)) for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, (*place, str(number)))


def _place(parts: tuple[int | str, ...]) -> str:
    return ".".join(map(str, parts))
