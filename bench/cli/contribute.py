"""``decompbench contribute``: add one's own results to those that the repository commits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_RESULTS, AsJson, Results, output, print_json

EXAMPLE = "Example: decompbench contribute quick --dry-run"


def contribute_command(
    suite: Annotated[str | None, typer.Argument(help="A suite's name. Default: all that have records.")] = None,
    results: Results = DEFAULT_RESULTS,
    to: Annotated[
        Path | None,
        typer.Option(help="The reference: folder 'results' of a checkout. Default: this code's.", file_okay=False),
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Records made by code that is in no commit, too.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan/--no-plan", help="Validate with every trial planned again from its settings.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be added, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add your own records to the reference, and say what to commit.

    Records are validated first; where anything is found none is added. What the reference has stays as it is, and is
    not added twice. Exit code 0: all your records are there, or would be; 1: some are not; 2: it could not be tried.
    """
    from ..base.process import start_server

    if plan:
        start_server()
    from ..base.errors import BenchError
    from ..checks.contribute import contribute
    from ..records.folders import MARKER, own_results, reference_results

    reference = to if to is not None else reference_results()
    if reference is None:
        raise BenchError(f"there is no reference beside this code: give --to CHECKOUT/results, which has a {MARKER}")
    own = results if results is not None else own_results()
    made = contribute(own, reference, suite, allow_dirty=allow_dirty, plan=plan, write=not dry_run)
    if as_json:
        print_json(made.to_json())
    else:
        lines = [*map(str, made.findings), *made.summary]
        if made.commands:
            lines += ["", "to commit them:", *(f"  {command}" for command in made.commands)]
        for line in lines:
            output().print(line, highlight=False, markup=False, soft_wrap=True)
    if not made.whole:
        raise typer.Exit(1)
