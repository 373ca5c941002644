"""``decompbench published``: the papers' sizes beside ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import AsJson, output, print_json

EXAMPLE = "Example: decompbench published --paper li2019"


def published_command(
    paper: Annotated[str | None, typer.Option(help="li2019, yang2020 or yu2021. Default: all.")] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of the published numbers, instead of the packaged.", file_okay=False)
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Markdown tables.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every size that the papers publish with what the formulas give. Nothing is trained, no weight is read.

    Ends with exit code 1 if a size differs from ours for no known reason.
    """
    from ...common.names import suggestion
    from ..base.errors import BenchError
    from ..reports.published import PAPERS, judge_all
    from ..reports.published.render import print_verdicts, to_markdown

    if as_markdown and as_json:
        raise typer.BadParameter("give one of --markdown and --json")
    if paper is not None and paper not in PAPERS:
        raise BenchError(f"unknown paper '{paper}'{suggestion(paper, PAPERS)}; there are {', '.join(PAPERS)}")
    verdicts = judge_all(PAPERS if paper is None else (paper,), tables)
    if as_json:
        print_json([verdict.to_json() for verdict in verdicts])
    elif as_markdown:
        sys.stdout.write(to_markdown(verdicts))
    else:
        print_verdicts(verdicts, output())
    if any(verdict.status == "unexplained" for verdict in verdicts):
        raise typer.Exit(1)
