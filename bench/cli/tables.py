"""``decompbench tables``: the tables that other programs read, made from the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_RESULTS, Results
from .results_folders import folders_to_read, refuse_reference

EXAMPLE = "Example: decompbench tables quick --out tables"


def tables_command(
    suite: Annotated[str | None, typer.Argument(help="A suite's name. Default: all that have records.")] = None,
    results: Results = DEFAULT_RESULTS,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. Default: beside the records.", file_okay=False)
    ] = None,
) -> None:
    """Write flat tables of all records, and leaderboards, as Parquet and CSV.

    SUITE/MACHINE/records.parquet and .csv have a row a record; SUITE/leaderboard.csv, .parquet and .md one for each
    method at each budget. Written again from the same records they are the same, byte for byte. Python reads them by
    decompbench.bench.load_frame, which adds what was appended since.
    """
    from ..reports.export.derived import write_tables

    folder = folders_to_read(results, suite).folders[0]
    refuse_reference(out or folder)
    for path in write_tables(folder, out, suite, on_note=lambda line: print(line, file=sys.stderr)):
        print(path)
