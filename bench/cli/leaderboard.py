"""``decompbench leaderboard``: the tables made from the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .common import DEFAULT_RESULTS, AsJson, Results, output, print_json

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
    html: Annotated[
        Path | None, typer.Option("--html", metavar="DIR", help="Write DIR/index.html, a page that opens from disk.")
    ] = None,
) -> None:
    """Show the newest record of every trial, a table for each model, data and machine.

    On a terminal the table has as many columns as fit; piped, or with --wide, it has all.
    """
    from ..errors import BenchError
    from ..leaderboard import find_records, latest, leaderboard
    from ..render import print_tables, to_csv, to_markdown, to_rows
    from ..store import describe_damages
    from ..suite_file import load_suite

    if as_csv + as_markdown + as_json + (html is not None) > 1:
        raise typer.BadParameter("give one of --csv, --markdown, --json and --html")
    if suite is not None and (suite.endswith((".yaml", ".yml")) or Path(suite).is_file()):
        suite = load_suite(suite).name
    records, damages = find_records(results, suite)
    for line in describe_damages(damages):
        print(line, file=sys.stderr)
    if not records:
        raise BenchError(f"no readable records of {f'suite {suite!r}' if suite else 'any suite'} in {results}")
    if html is not None:
        from ..page import write_page

        print(write_page(latest(records), results, html))
        return
    frame = leaderboard(latest(records))
    if as_json:
        print_json(to_rows(frame))
    elif as_csv:
        sys.stdout.write(to_csv(frame))
    elif as_markdown:
        sys.stdout.write(to_markdown(frame))
    else:
        print_tables(frame, output(), wide=wide)
