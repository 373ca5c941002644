"""The records that tables are made of: of a suite or of all, the newest of every trial."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .results_folders import folders_to_read

if TYPE_CHECKING:
    from ..records.record import Record
    from ..records.superseded import Versions


@dataclass(frozen=True)
class ShownRecords:
    """Records, and where they are from.

    Attributes
    ----------
    records
        The newest of every trial.
    folders
        Where they were read; the machines are described there, too.
    reference
        Suite and machine of the records of the reference that are shown though nobody typed its folder.
    versions
        The newest versions of suites and methods among all that was read.
    """

    records: list[Record]
    folders: tuple[Path, ...]
    reference: frozenset[tuple[str, str]]
    versions: Versions


def shown_records(
    results: Path | None, suite: str | None, *, superseded: bool = False, beside: bool = False
) -> ShownRecords:
    """Read the records; say on standard error which lines cannot be read, and how many records are superseded.

    Parameters
    ----------
    results
        Folder of all results; None for one's own or, where those are missing, the reference.
    suite
        A suite's name or its YAML file; None for all that have records.
    superseded
        Take records of older versions of suites and methods, too.
    beside
        Take the reference beside one's own results.

    Raises
    ------
    BenchError
        There are none, or none that can be read, or all are superseded.
    """
    from ..base.errors import BenchError
    from ..records.find import find_records, latest
    from ..records.folders import listed
    from ..records.store import describe_damages
    from ..records.superseded import Versions, describe_superseded
    from ..suite.load import load_suite

    if suite is not None and (suite.endswith((".yaml", ".yml")) or Path(suite).is_file()):
        suite = load_suite(suite).name
    read = folders_to_read(results, suite, beside=beside)
    records, damages = find_records(read.folders, suite)
    for line in describe_damages(damages):
        print(line, file=sys.stderr)
    if not records:
        raise BenchError(
            f"no readable records of {f'suite {suite!r}' if suite else 'any suite'} in {listed(read.folders)}"
        )
    versions = Versions.among(records)
    shown = latest(records, superseded=superseded, versions=versions)
    how = "'leaderboard --superseded' shows them"
    left_out = None if superseded else describe_superseded(records, how, versions)
    if not shown:
        raise BenchError(f"nothing to show: {left_out}")
    if left_out:
        print(left_out, file=sys.stderr)
    return ShownRecords(shown, read.folders, read.reference, versions)


def of_tables(records: list[Record], patterns: list[str]) -> list[Record]:
    """Return the records of the tables whose name contains a pattern, or matches it where it has wildcards.

    Raises
    ------
    BenchError
        A pattern matches no table.
    """
    from ...common.names import suggestion
    from ..base.errors import BenchError
    from ..suite.trial import name_matches

    tables = sorted({record.table for record in records})
    for pattern in patterns:
        if not any(name_matches(table, pattern) for table in tables):
            raise BenchError(f"no table '{pattern}'{suggestion(pattern, tables)}; there is {'; '.join(tables)}")
    return [record for record in records if any(name_matches(record.table, pattern) for pattern in patterns)]
