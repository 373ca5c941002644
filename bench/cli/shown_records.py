"""The records that tables are made of: of a suite or of all, the newest of every trial."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..records.record import Record


def shown_records(results: Path, suite: str | None, *, superseded: bool = False) -> list[Record]:
    """Read the records; say on standard error which lines cannot be read, and how many records are superseded.

    Parameters
    ----------
    results
        Folder of all results.
    suite
        A suite's name or its YAML file; None for all that have records.
    superseded
        Take records of older versions of suites and methods, too.

    Raises
    ------
    BenchError
        There are none, or none that can be read, or all are superseded.
    """
    from ..base.errors import BenchError
    from ..records.store import describe_damages
    from ..records.superseded import describe_superseded
    from ..reports.leaderboard.rows import find_records, latest
    from ..suite.load import load_suite

    if suite is not None and (suite.endswith((".yaml", ".yml")) or Path(suite).is_file()):
        suite = load_suite(suite).name
    records, damages = find_records(results, suite)
    for line in describe_damages(damages):
        print(line, file=sys.stderr)
    if not records:
        raise BenchError(f"no readable records of {f'suite {suite!r}' if suite else 'any suite'} in {results}")
    shown = latest(records, superseded=superseded)
    left_out = None if superseded else describe_superseded(records, "'leaderboard --superseded' shows them")
    if not shown:
        raise BenchError(f"nothing to show: {left_out}")
    if left_out:
        print(left_out, file=sys.stderr)
    return shown


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
