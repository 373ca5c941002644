"""The page's sources: machines, versions, revisions, dates, papers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ...records.folders import Folders, as_folders
from ...records.record import Record


def about_data(records: Sequence[Record], results: Folders) -> dict[str, Any]:
    """Return the page's sources.

    Parameters
    ----------
    records
        The records of the page.
    results
        Folder of all results, or several, which have the machines' descriptions.

    Returns
    -------
    dict
        ``records``: how many; ``files``: where they are, below the folder of results; ``newest``: the latest start of a
        trial in UTC; ``revisions``, ``suites`` with their versions, ``machines`` as they describe themselves,
        ``software``: every version of each package, ``methods``: name, version, summary and paper.
    """
    return {
        "records": len(records),
        "files": sorted({f"{r.trial.suite}/{r.machine}/records.jsonl" for r in records}),
        "newest": max(record.started for record in records),
        "revisions": sorted({one for record in records if (one := record.provenance.revision)}),
        "suites": [list(suite) for suite in sorted({(r.trial.suite, r.trial.suite_version) for r in records})],
        "machines": [_machine(results, machine) for machine in sorted({record.machine for record in records})],
        "software": _software(records),
        "methods": _methods(records),
    }


def _machine(results: Folders, identity: str) -> dict[str, Any]:
    """Return a machine's description; without a readable one, only its id."""
    for folder in as_folders(results):
        try:
            found = json.loads((folder / "machines" / f"{identity}.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found | {"id": identity}
    return {"id": identity}


def _software(records: Iterable[Record]) -> dict[str, list[str]]:
    versions: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.provenance.libraries.items():
            versions.setdefault(package, set()).add(version)
    return {package: sorted(versions[package]) for package in sorted(versions)}


def _methods(records: Iterable[Record]) -> list[dict[str, Any]]:
    kept = ("name", "version", "summary", "paper")
    methods = {tuple(getattr(record.method, name) for name in kept) for record in records}
    return [dict(zip(kept, method, strict=True)) for method in sorted(methods)]
