"""The flat table of all records, a row each: from a Parquet file where that is current, else from the lines.

``decompbench tables`` derives ``records.parquet`` beside each ``records.jsonl``. As records are only ever appended, it
stays good for the part of the file it was made from; what came after is parsed and added.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.errors import BenchError
from ..base.provenance.sources import source_digest
from .columns import FIXED, flat_row, ordered
from .folders import Folders, as_folders, listed, records_files
from .lines import read_line
from .store import Damage, describe_damages

#: Bytes at the end of what a Parquet file was made from that are compared with the records file: it is not read whole.
TAIL = 64 * 1024
#: Rows that are gathered before they become a table.
ROWS = 2000
METADATA = b"decompbench"
#: What makes rows of lines: this module and what it imports, the latter as far as rows depend on it.
CODE = (
    (__name__.partition(".")[2],),
    (
        "bench.records",
        "bench.suite.form_name",
        "bench.base.text",
        "bench.base.provenance.software",
        "bench.base.errors",
    ),
)
SORTED_BY = ("suite", "machine", "device", "table", "name", "started", "key")


def load_frame(results: Folders = "results", suite: str | None = None) -> pd.DataFrame:
    """Return all records as a frame, a row each, of all machines; nothing is averaged or left out.

    Parameters
    ----------
    results
        Folder of all results, or several; what lies in more than one of them is there once.
    suite
        Only this suite's.

    Returns
    -------
    pandas.DataFrame
        Its columns are described in ``docs/records.md``. Trials are in the order of their names, each in that of time;
        those that were run again are there more than once, and so are older versions of suites and methods.

    Raises
    ------
    BenchError
        There are no records, or a file cannot be read.

    Warns
    -----
    UserWarning
        A line that could not be read, and is left out.
    """
    files = records_files(results, suite)
    if not files:
        raise BenchError(f"no records{f' of suite {suite!r}' if suite else ''} in {listed(results)}")
    flats = [read_flat(file) for file in files]
    for line in describe_damages(damage for flat in flats for damage in flat.damages):
        warnings.warn(line, stacklevel=2)
    frame = sorted_rows(concatenated([flat.table for flat in flats])).to_pandas()
    several = len(as_folders(results)) > 1  # results that were contributed lie in two
    return frame.drop_duplicates(["key", "machine", "started"], ignore_index=True) if several else frame


@dataclass(frozen=True)
class Flat:
    """A records file, or its beginning, as a flat table, and what it was made from.

    A last line that does not end yet is read, but does not count among what the table was made from: more of it may
    come.

    Attributes
    ----------
    table : Table
        A row for each record.
    damages : list of Damage
        The lines that could not be read.
    size, lines : int
        Of what it was made from, in bytes and lines: up to the last newline.
    rows : int
        How many of the rows are of these lines: all, or all but the last.
    tail : str
        SHA-256 of the last ``TAIL`` bytes up to there.
    """

    table: pa.Table
    damages: list[Damage] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    rows: int = 0
    tail: str = ""

    def without_unfinished(self) -> Flat:
        """Return the part that stays true whatever is appended to the file."""
        damages = [damage for damage in self.damages if damage.line <= self.lines]
        return replace(self, table=self.table.slice(0, self.rows), damages=damages)


def parquet_of(records: Path) -> Path:
    """Return where the table of a records file is kept."""
    return records.with_suffix(".parquet")


def read_flat(records: Path) -> Flat:
    """Return a records file as a flat table; the rows that its Parquet file has are taken from there.

    Raises
    ------
    BenchError
        The file cannot be read.
    """
    with _read_errors(records):
        kept = _read_kept(records)
        if kept is not None and records.stat().st_size == kept.size:
            return kept
    if kept is None:
        return parse_flat(records)
    more = parse_flat(records, kept)
    table = concatenated([kept.table, more.table])
    damages = [*kept.damages, *more.damages]
    return replace(more, table=table, damages=damages, rows=kept.rows + more.rows)


def parse_flat(records: Path, start: Flat | None = None) -> Flat:
    """Return the lines of a records file as a flat table, those after ``start`` where that is given.

    Raises
    ------
    BenchError
        The file cannot be read.
    """
    size, lines, finished = (start.size, start.lines, 0) if start else (0, 0, 0)
    damages: list[Damage] = []
    tables: list[pa.Table] = []
    rows: list[dict[str, Any]] = []
    with _read_errors(records), records.open("rb") as file:
        file.seek(size)
        for line in file:
            ends = line.endswith(b"\n")
            if line.strip():
                try:
                    rows.append(flat_row(*read_line(line.removesuffix(b"\n"))))
                    finished += ends
                except ValueError as error:
                    damages.append(Damage(records, lines + 1, str(error)))
            if ends:
                size, lines = size + len(line), lines + 1
            if len(rows) == ROWS:
                tables.append(_table(rows))
                rows = []
        tail = _tail(records, size)
    return Flat(concatenated([*tables, _table(rows)]), damages, size, lines, finished, tail)


def concatenated(tables: list[pa.Table]) -> pa.Table:
    """Return tables below each other, with the columns of all in their order; a column that one lacks is null there."""
    table = pa.concat_tables(tables, promote_options="default")
    return table.select(ordered(table.column_names))


def sorted_rows(table: pa.Table) -> pa.Table:
    """Return a table with the records of a trial together and in the order of time, whatever order they came in."""
    return table.sort_by([(name, "ascending") for name in SORTED_BY])


def parquet_metadata(flat: Flat) -> dict[bytes, bytes]:
    """Return what a Parquet file is to say of what it was made from; without an unfinished line."""
    made_from = {
        "bytes": flat.size,
        "lines": flat.lines,
        "tail": flat.tail,
        "code": _code(),
        "damages": [[damage.line, damage.reason] for damage in flat.damages],
    }
    return {METADATA: json.dumps(made_from, sort_keys=True).encode()}


def _read_kept(records: Path) -> Flat | None:
    """Return the table in the Parquet file; None where there is none, or one of other records or of other code."""
    path = parquet_of(records)
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            made_from = json.loads((file.schema_arrow.metadata or {})[METADATA])
            size = made_from["bytes"]
            if (
                made_from["code"] != _code()
                or size > records.stat().st_size
                or made_from["tail"] != _tail(records, size)
            ):
                return None
            table = file.read()
    except (pa.ArrowException, KeyError, ValueError):
        return None
    damages = [Damage(records, line, reason) for line, reason in made_from["damages"]]
    table = table.replace_schema_metadata(None)
    return Flat(table, damages, size, made_from["lines"], table.num_rows, made_from["tail"])


@contextlib.contextmanager
def _read_errors(records: Path) -> Iterator[None]:
    """Say which file could not be read."""
    try:
        yield
    except OSError as error:
        raise BenchError(f"cannot read {records}: {error.strerror or error}") from None


def _tail(records: Path, size: int) -> str:
    """Return a hash of the last bytes of a file's first ``size`` ones."""
    with records.open("rb") as file:
        file.seek(max(0, size - TAIL))
        return hashlib.sha256(file.read(min(size, TAIL))).hexdigest()


@functools.cache
def _code() -> str:
    """Return a digest of the code that makes rows of lines; a table that other code made is made anew."""
    return source_digest(*CODE)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    types = {column.name: pa.type_for_alias(column.type) for column in FIXED}
    names = [*types, *ordered({name for row in rows for name in row} - types.keys())]
    arrays = [pa.array([row.get(name) for row in rows], types.get(name, pa.float64())) for name in names]
    return pa.Table.from_arrays(arrays, names=names)
