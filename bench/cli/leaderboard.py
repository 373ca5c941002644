"""``decompbench leaderboard``: the tables made from the records."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .formats import (
    HTML,
    OldCsv,
    OldHtml,
    OldJson,
    OldLatex,
    OldMarkdown,
    OutputPath,
    choose_output,
    format_option,
    write_output,
)
from .options import DEFAULT_RESULTS, Results, Superseded
from .results_folders import refuse_reference
from .shown_records import shown_records

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "Example: decompbench leaderboard quick --budget params=30% --sort latency_b1_ratio --format markdown"
FORMATS = ("terminal", "markdown", "csv", "latex", "json", HTML)


def leaderboard_command(
    suite: Annotated[
        str | None, typer.Argument(help="A suite's name or its YAML file. Default: all that have records.")
    ] = None,
    results: Results = DEFAULT_RESULTS,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="EXPR",
            help="Only rows with COLUMN=TEXT, where * is a wildcard, or COLUMN<NUMBER: method=tucker2, model=resnet*, "
            "conv_weights_percent<40. The dense row stays. Repeatable.",
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Only rows of this budget: params=30% is --filter budget=params=30%.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[:desc]", help="Order of the rows within a table; --format csv has all columns."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Show, order and mark by this metric, such as 'psnr_y[Set14]'. Default: the main one."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Below each table what papers publish of its model and data.")
    ] = False,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, however narrow the terminal is.")] = False,
    as_format: Annotated[str | None, format_option(FORMATS)] = None,
    to: OutputPath = None,
    superseded: Superseded = False,
    reference: Annotated[
        bool, typer.Option(help="The committed results of the reference machine, too, where no --results is typed.")
    ] = True,
    old_markdown: OldMarkdown = False,
    old_csv: OldCsv = False,
    old_latex: OldLatex = False,
    old_json: OldJson = False,
    old_html: OldHtml = None,
) -> None:
    """Show the newest record of every trial, a table for each model, data and machine.

    Without --results your own results are shown, and beside them those that the repository commits, as of the reference
    machine.

    On a terminal the table has as many columns as fit; piped, or with --wide, it has all. CSV and JSON have every
    column, unrounded; html is one page that opens from disk; latex needs the package booktabs.
    """
    from ..reports.export.render import print_tables, to_csv, to_latex, to_markdown, to_rows
    from ..reports.leaderboard.row_filter import filter_rows, parse_filter, sort_rows
    from ..reports.leaderboard.rows import leaderboard
    from ..reports.leaderboard.shown_metrics import with_metric
    from ..reports.scores import scores_to_json
    from ..reports.text.json import to_json

    old = {"markdown": old_markdown, "csv": old_csv, "latex": old_latex, "json": old_json, HTML: old_html}
    where = choose_output(as_format, to, old)
    if where.format == HTML:
        if any((budget, filters, sort, metric, published)):
            raise typer.BadParameter("--format html writes every row, and the page itself filters and sorts them")
        from ..reports.page import page

        if where.file is not None:
            refuse_reference(where.file.parent)
        shown = shown_records(results, suite, superseded=superseded, beside=reference)
        write_output(where, {HTML: lambda: page(shown.records, shown.folders, shown.reference)})
        return
    conditions = [parse_filter(text) for text in [*_budget_filter(budget), *(filters or [])]]
    shown = shown_records(results, suite, superseded=superseded, beside=reference)
    records = shown.records if metric is None else with_metric(shown.records, metric)
    frame = leaderboard(records, shown.reference, shown.versions)
    if conditions:
        frame = filter_rows(frame, conditions)
    if sort is not None:
        frame = sort_rows(frame, sort)
    write_output(
        where,
        {
            "markdown": lambda: to_markdown(frame, published=published),
            "csv": lambda: to_csv(frame, published=published),
            "latex": lambda: to_latex(frame, published=published),
            "json": lambda: to_json(scores_to_json(to_rows(frame, published=published))),
        },
        lambda console: print_tables(frame, console, wide=wide, published=published),
    )
    if published:
        _tell_unpublished(frame)


def _budget_filter(budget: str | None) -> list[str]:
    """Return the condition that a budget stands for, in the words of the tables: ``params=0.3`` is ``params=30%``."""
    if budget is None:
        return []
    from ..reports.ranking import parse_budget

    return [f"budget={parse_budget(budget)}"]


def _tell_unpublished(frame: pd.DataFrame) -> None:
    """Say on standard error of which models and data there are no published numbers."""
    from ..reports.published.rows import points_beside

    places = [(first["model"], first["data"]) for first, points in points_beside(frame) if not points]
    for model, data in dict.fromkeys(places):
        print(f"no numbers are published of {model} on {data} with these metrics", file=sys.stderr)
