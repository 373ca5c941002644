"""Contribute: validate one's own records, and add those that the reference does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....common.files import write_atomically
from ....common.names import suggestion
from ...base.errors import BenchError, StoreError
from ...base.machine.identity import MACHINE_VARIABLE, UNKEPT
from ...records.folders import MARKER, is_reference, records_files
from ...records.record import Record
from ...records.store import RecordStore
from ..validate import validate
from ..validate.read import RecordLine, read_lines
from ..validate.report import Finding
from ..validate.whereabouts import check_repeats
from .report import Contribution, Part


def contribute(
    own: Path,
    reference: Path,
    suite: str | None = None,
    *,
    allow_dirty: bool = False,
    plan: bool = True,
    write: bool = True,
) -> Contribution:
    """Add one's own records to the reference: all of them, or none where something is wrong with one.

    A line is added as it stands, after those that are there; none of these is changed. What is there already is not
    added again, so that a contribution that was broken off is made whole by the same one again.

    Parameters
    ----------
    own
        Folder of one's own results.
    reference
        The folder that the repository commits.
    suite
        Only this suite's records.
    allow_dirty
        Take records whose code is in no commit, too.
    plan
        Compute sizes again from each record's settings when validating.
    write
        Write; otherwise only tell what would be written.

    Raises
    ------
    BenchError
        The second folder is no reference, or the first is one; there are no records; or another process writes there.
    StoreError
        A file cannot be read or written.
    """
    if not (reference / MARKER).is_file():
        raise BenchError(f"{reference} is no reference, which has a {MARKER}: give that of your checkout with --to")
    if is_reference(own):
        raise BenchError(f"{own} is a reference itself, not a folder of your own results")
    files = records_files(own, suite)
    if not files:
        names = sorted({file.parent.parent.name for file in records_files(own)})
        have = f"; there are records of {', '.join(names)}" if names else ""
        of_suite = f" of suite '{suite}'{suggestion(suite, names)}" if suite else ""
        raise BenchError(f"no records{of_suite} in {own}{have}")
    made = Contribution(reference, findings=validate(own / suite if suite else own, plan=plan).findings)
    for file in files:
        part = _choose(file, reference / file.relative_to(own), allow_dirty)
        made.parts.append(part)
        made.findings += _conflicts(part, own, reference)
    if write and not made.findings:
        for part in made.parts:
            if part.new:
                _add(part, own, reference)
        made.written = True
    return made


def _choose(source: Path, target: Path, allow_dirty: bool) -> Part:
    """Return which lines of a records file are new."""
    known = {_told(line.record) for line in _lines(target)}
    lines = _lines(source)
    missing = [line for line in lines if _told(line.record) not in known]
    uncommitted = [] if allow_dirty else [line for line in missing if not _is_committed(line.record)]
    new = [line for line in missing if line not in uncommitted]
    return Part(source, target, new, uncommitted, len(lines) - len(missing))


def _told(record: Record) -> str:
    """Return a record's content: equal for lines that were written in different versions."""
    return record.model_dump_json()


def _is_committed(record: Record) -> bool:
    """Tell whether the code that made a record can be had again."""
    revision = record.provenance.revision
    return revision is not None and not revision.endswith("-dirty")


def _conflicts(part: Part, own: Path, reference: Path) -> Iterator[Finding]:
    """Yield why new lines cannot stand beside those of the reference."""
    if part.machine.endswith(f"-{UNKEPT}"):
        what = f"any machine like this has its id: name it with {MACHINE_VARIABLE}=NAME and run again"
        yield Finding(part.source, None, what)
    here, there = (_machine_file(folder, part) for folder in (own, reference))
    if part.new and there.exists() and _document(here) != _document(there):
        yield Finding(here, None, f"{there} describes another machine of that name")
    for one in check_repeats([*_lines(part.target), *part.new]):
        if one.path == part.source:
            yield Finding(part.source, one.line, f"beside {part.target}: {one.what}")


def _lines(file: Path) -> list[RecordLine]:
    return read_lines(file)[0] if file.exists() else []


def _machine_file(folder: Path, part: Part) -> Path:
    return folder / "machines" / f"{part.machine}.json"


def _document(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _add(part: Part, own: Path, reference: Path) -> None:
    """Write the new lines, and before them the machine's description; each file whole or not at all."""
    here, there = (_machine_file(folder, part) for folder in (own, reference))
    try:
        for folder in (there.parent, part.target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with RecordStore(part.target.parent).run_lock():
            if not there.exists():
                write_atomically(there, here.read_bytes())
            before = part.target.read_bytes() if part.target.exists() else b""
            known = set(before.split(b"\n"))  # another process may have added some since they were chosen
            added = b"".join(line.content + b"\n" for line in part.new if line.content not in known)
            write_atomically(part.target, before, b"" if before.endswith(b"\n") or not before else b"\n", added)
    except OSError as error:
        raise StoreError(f"cannot write {part.target}: {error.strerror or error}") from None
