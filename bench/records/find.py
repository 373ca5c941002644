"""The records that a table takes: those of a folder, and of each trial the newest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...common.names import suggestion
from ..base.errors import BenchError
from .folders import Folders, listed, records_files
from .record import Record
from .store import Damage, read_all
from .superseded import Versions, place_of


def find_records(results: Folders, suite: str | None = None) -> tuple[list[Record], list[Damage]]:
    """Read the records of one suite, or of all, on all machines.

    Parameters
    ----------
    results
        Folder of all results, or several: the records of the first count before those of the others.
    suite
        Name of a suite.

    Raises
    ------
    BenchError
        There are none; the message names the suites that have some.
    """
    files = records_files(results)
    names = sorted({file.parent.parent.name for file in files})
    if suite is not None and suite not in names:
        have = f"; there are records of {', '.join(names)}" if names else ""
        raise BenchError(f"no records of suite '{suite}' in {listed(results)}{suggestion(suite, names)}{have}")
    if not files:
        raise BenchError(f"no records in {listed(results)}: run a suite first, for example 'decompbench run smoke'")
    return read_all(file.parent for file in files if suite in (None, file.parent.parent.name))


def latest(records: Iterable[Record], *, superseded: bool = False, versions: Versions | None = None) -> list[Record]:
    """Return the last record of each trial's name on each machine.

    Records that are superseded (:mod:`.superseded`) are left out, or with ``superseded`` there, too: the last of
    each version. ``versions`` are found out among the records, if they are not known already.
    """
    records = list(records)
    known = versions or Versions.among(records)
    last: dict[tuple[Any, ...], Record] = {}
    for record in records:
        old = known.why(record) is not None
        if superseded or not old:
            of_old = (record.trial.suite_version, record.method.version) if old else ()
            last[(*place_of(record), *of_old)] = record
    return list(last.values())
