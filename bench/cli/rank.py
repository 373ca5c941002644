"""``decompbench rank``: methods at equal budget, in every cell of model and data and over all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from ..reports.budgets import TOLERANCE
from .formats import OldCsv, OldJson, OldLatex, OldMarkdown, OutputPath, choose_output, format_option, write_output
from .options import DEFAULT_RESULTS, Results
from .shown_records import of_tables, shown_records

EXAMPLE = "Example: decompbench rank cifar10-jpeg-short --budget params=30%"
FORMATS = ("terminal", "markdown", "csv", "latex", "json")


def rank_command(
    budget: Annotated[
        str,
        typer.Option(
            help="Share of the dense model at which methods are compared: params=30%, macs=50%, bits=15%, latency=80% "
            "or, at another batch size than the smallest, latency_b8=80%."
        ),
    ],
    suite: Annotated[
        str | None, typer.Argument(help="A suite's name or its YAML file. Default: all that have records.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only tables with this in their name, or matching it: 'resnet*/cifar10'. Repeatable."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="A metric that tables show, such as 'psnr_y[Set14]'. Default: the main one.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Relative distance from the budget up to which a point stands for it.")
    ] = TOLERANCE,
    alpha: Annotated[float, typer.Option(help="Level of the tests; intervals have confidence 1 - alpha.")] = 0.05,
    pool_machines: Annotated[
        bool, typer.Option("--pool-machines", help="One cell for the trials of all machines; not for latencies.")
    ] = False,
    results: Results = DEFAULT_RESULTS,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, however narrow the terminal is.")] = False,
    as_format: Annotated[str | None, format_option(FORMATS)] = None,
    to: OutputPath = None,
    old_markdown: OldMarkdown = False,
    old_csv: OldCsv = False,
    old_latex: OldLatex = False,
    old_json: OldJson = False,
) -> None:
    """Rank methods at equal budget: in every cell of model, data and machine, and on average over the cells.

    Of each method the point counts whose size is nearest to the budget, never the best one.
    """
    from ..reports.ranking import average_ranks, parse_budget, rank_cells
    from ..reports.ranking.export import ranking_to_csv, ranking_to_json
    from ..reports.ranking.tables import ranking_tables
    from ..reports.text.json import to_json
    from ..reports.text.latex import text_tables_to_latex
    from ..reports.text.markdown import text_tables_to_markdown
    from ..reports.text.terminal import print_text_tables

    old = {"markdown": old_markdown, "csv": old_csv, "latex": old_latex, "json": old_json}
    where = choose_output(as_format, to, old)
    records = shown_records(results, suite).records
    rankings = rank_cells(
        of_tables(records, table) if table else records,
        parse_budget(budget),
        metric=metric,
        tolerance=tolerance,
        alpha=alpha,
        pool_machines=pool_machines,
    )
    average = average_ranks(rankings, alpha)
    tables = ranking_tables(rankings, average, tolerance, alpha)
    write_output(
        where,
        {
            "markdown": lambda: text_tables_to_markdown(tables),
            "csv": lambda: ranking_to_csv(rankings, average),
            "latex": lambda: text_tables_to_latex(tables),
            "json": lambda: to_json(ranking_to_json(rankings, average, tolerance, alpha)),
        },
        lambda console: print_text_tables(tables, console, wide=wide, command="decompbench rank --wide"),
    )
