"""``decompbench published``: the papers' sizes beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .formats import OldJson, OldMarkdown, OutputPath, choose_output, format_option, write_output

EXAMPLE = "Example: decompbench published --paper li2019"
FORMATS = ("terminal", "markdown", "json")


def published_command(
    paper: Annotated[str | None, typer.Option(help="li2019, yang2020 or yu2021. Default: all.")] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of the published numbers, instead of the packaged.", file_okay=False)
    ] = None,
    as_format: Annotated[str | None, format_option(FORMATS)] = None,
    to: OutputPath = None,
    old_markdown: OldMarkdown = False,
    old_json: OldJson = False,
) -> None:
    """Compare every size that the papers publish with what the formulas give. Nothing is trained, no weight is read.

    Ends with exit code 1 if a size differs from ours for no known reason.
    """
    from ...common.names import suggestion
    from ..base.errors import BenchError
    from ..reports.published import PAPERS, judge_all
    from ..reports.published.render import print_verdicts, to_markdown
    from ..reports.text.json import to_json

    where = choose_output(as_format, to, {"markdown": old_markdown, "json": old_json})
    if paper is not None and paper not in PAPERS:
        raise BenchError(f"unknown paper '{paper}'{suggestion(paper, PAPERS)}; there are {', '.join(PAPERS)}")
    verdicts = judge_all(PAPERS if paper is None else (paper,), tables)
    write_output(
        where,
        {
            "markdown": lambda: to_markdown(verdicts),
            "json": lambda: to_json([verdict.to_json() for verdict in verdicts]),
        },
        lambda console: print_verdicts(verdicts, console),
    )
    if any(verdict.status == "unexplained" for verdict in verdicts):
        raise typer.Exit(1)
