"""``decompbench compare``: two sets of records, what changed, and whether it is a regression."""

from __future__ import annotations

import math
import sys
from typing import Annotated

import typer

from .formats import OldJson, OldMarkdown, OutputPath, choose_output, format_option, write_output
from .options import DEFAULT_RESULTS, Results, Superseded
from .results_folders import folders_of_names

EXAMPLE = "Example: decompbench compare main HEAD --suite quick --format markdown"
FORMATS = ("terminal", "markdown", "json")
SET = "A results folder, a records.jsonl, a git revision or REVISION:PATH, or a machine's id."


def _finite(value: float | None) -> float | None:
    """Refuse ``nan``, beyond which nothing is, and ``inf``."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def compare_command(
    a: Annotated[str, typer.Argument(help=f"What to compare with. {SET}")],
    b: Annotated[str, typer.Argument(help="What is compared: like A.")],
    results: Results = DEFAULT_RESULTS,
    suite: Annotated[str | None, typer.Option(help="Only records of this suite.")] = None,
    only: Annotated[
        str | None, typer.Option(help="Only trials whose name contains this, or matches it if it has * or ?.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, callback=_finite, help="Relative difference of latency that counts.")
    ] = 0.05,
    quality_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=_finite,
            help="Difference of quality that counts where no spread of seeds is known, in the metric's unit. "
            "Default: 1 for %, 0.1 for dB, 1 % of A's value for others.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="What is the same, too, and no list cut short.")] = False,
    as_format: Annotated[str | None, format_option(FORMATS)] = None,
    to: OutputPath = None,
    superseded: Superseded = False,
    old_markdown: OldMarkdown = False,
    old_json: OldJson = False,
) -> None:
    """Tell what changed from A to B in counts, quality and latency.

    A git revision means the results folder as of then; nothing is checked out. Without --results that is your own, if a
    repository holds it, else the reference; a machine is looked for in both. Markdown is for a pull request. Exit code
    0: no regression; 1: at least one; 2: the sets could not be compared.
    """
    from ..records.store import describe_damages
    from ..reports.compare import Thresholds, compare, read_set
    from ..reports.compare.choose import choose
    from ..reports.compare.render import print_comparison, to_markdown
    from ..reports.text.json import to_json

    where = choose_output(as_format, to, {"markdown": old_markdown, "json": old_json})
    folders = folders_of_names(results)
    sets = [read_set(name, folders, superseded=superseded) for name in (a, b)]
    for one in sets:
        for line in describe_damages(one.damages):
            print(line, file=sys.stderr)
        if one.superseded:
            print(f"{one.name}: {one.superseded}", file=sys.stderr)
    comparison = compare(*choose(*sets, suite=suite, only=only), Thresholds(threshold, quality_threshold))
    write_output(
        where,
        {
            "markdown": lambda: to_markdown(comparison, everything=everything),
            "json": lambda: to_json(comparison.to_json(everything=everything)),
        },
        lambda console: print_comparison(comparison, console, everything=everything),
    )
    if comparison.has_regression:
        raise typer.Exit(1)
