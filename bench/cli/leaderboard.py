"""``decompbench leaderboard``: the tables made from the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .common import DEFAULT_RESULTS, AsJson, Results, Superseded, output, print_json

EXAMPLE = "Example: decompbench leaderboard quick --markdown"


def leaderboard_command(
    suite: Annotated[
        str | None, typer.Argument(help="A suite's name or its YAML file. Default: all that have records.")
    ] = None,
    results: Results = DEFAULT_RESULTS,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, however narrow the terminal is.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with all columns, unrounded.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Markdown tables.")] = False,
    as_json: AsJson = False,
    superseded: Superseded = False,
) -> None:
    """Show the newest record of every trial, a table for each model, data and machine.

    On a terminal the table has as many columns as fit; piped, or with --wide, it has all.
    """
    from ..errors import BenchError
    from ..leaderboard import find_records, latest, leaderboard
    from ..render import print_tables, to_csv, to_markdown, to_rows
    from ..store import describe_damages
    from ..suite_file import load_suite
    from ..superseded import describe_superseded

    if as_csv + as_markdown + as_json > 1:
        raise typer.BadParameter("give one of --csv, --markdown and --json")
    if suite is not None and (suite.endswith((".yaml", ".yml")) or Path(suite).is_file()):
        suite = load_suite(suite).name
    records, damages = find_records(results, suite)
    for line in describe_damages(damages):
        print(line, file=sys.stderr)
    if not records:
        raise BenchError(f"no readable records of {f'suite {suite!r}' if suite else 'any suite'} in {results}")
    shown = latest(records, superseded=superseded)
    left_out = None if superseded else describe_superseded(records)
    if not shown:
        raise BenchError(f"nothing to show: {left_out}")
    if left_out:
        print(left_out, file=sys.stderr)
    frame = leaderboard(shown)
    if as_json:
        print_json(to_rows(frame))
    elif as_csv:
        sys.stdout.write(to_csv(frame))
    elif as_markdown:
        sys.stdout.write(to_markdown(frame))
    else:
        print_tables(frame, output(), wide=wide)
