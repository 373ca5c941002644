"""Files of tables for other programs, Parquet and CSV: the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from ....common.files import write_atomically
from ...base.errors import StoreError
from ...records.find import find_records, latest
from ...records.frame import Flat, parquet_metadata, parquet_of, parse_flat, sorted_rows
from ...records.store import describe_damages
from ...records.superseded import Versions, describe_superseded
from ..leaderboard.rows import leaderboard
from ..text.csv import arrow_to_csv, rows_to_csv
from .render import to_csv, to_markdown


def write_tables(
    results: Path, out: Path | None = None, suite: str | None = None, *, on_note: Callable[[str], None]
) -> Iterator[Path]:
    """Write the tables of one suite, or of all, and yield each.

    For each suite and machine ``records.parquet`` and ``records.csv``, a row a record; for each suite
    ``leaderboard.csv``, ``.parquet`` and ``.md`` of the records that are not superseded.

    Parameters
    ----------
    results
        Folder of all results.
    out
        Where to; beside the records by default. The folders below it are those of ``results``.
    suite
        Name of a suite.
    on_note
        Told what is left out.

    Raises
    ------
    BenchError
        There are no records, or they cannot be read.
    StoreError
        A table cannot be written.
    """
    files = sorted(results.glob(f"{suite or '*'}/*/records.jsonl"))
    for file in files:
        flat, paths = write_flat(file, (out or results) / file.relative_to(results))
        for line in describe_damages(flat.damages):
            on_note(line)
        yield from paths
    for name in dict.fromkeys([file.parent.parent.name for file in files] or [suite]):
        records, _ = find_records(results, name)
        versions = Versions.among(records)
        if line := describe_superseded(records, "'leaderboard --superseded' shows them", versions):
            on_note(f"leaderboard of {name}: {line}")
        for path, content in _leaderboards(leaderboard(latest(records, versions=versions), versions=versions)):
            yield _write((out or results) / str(name) / path, content)


def write_flat(records: Path, place: Path) -> tuple[Flat, list[Path]]:
    """Write the flat table of a records file as Parquet and CSV; ``place`` is the path that the file would have there.

    Neither has a last line that does not end, which may be in the middle of being written.

    Raises
    ------
    StoreError
        A table cannot be written.
    """
    flat = parse_flat(records)
    kept = flat.without_unfinished()
    table = sorted_rows(kept.table)
    described = table.replace_schema_metadata(parquet_metadata(kept))
    return flat, [
        _write(parquet_of(place), _parquet(described)),
        _write(place.with_suffix(".csv"), arrow_to_csv(table)),
    ]


def _leaderboards(frame: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    if frame.empty:
        return
    yield "leaderboard.csv", to_csv(frame).encode()
    typed = pc.read_csv(pa.BufferReader(rows_to_csv(frame, guard=False).encode()))
    yield "leaderboard.parquet", _parquet(typed)
    yield "leaderboard.md", to_markdown(frame).encode()


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
    return path
