"""``decompbench validate``: are all records what they say?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_RESULTS, AsJson, Plugins, import_plugins, output, print_json
from .results_folders import folders_to_read

EXAMPLE = "Example: decompbench validate results"


def validate_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of all results, of a suite, or of a machine. Default: your own.",
            exists=True,
            file_okay=False,
        ),
    ] = DEFAULT_RESULTS,
    plan: Annotated[
        bool, typer.Option("--plan/--no-plan", help="Plan every trial again from its settings and compare the sizes.")
    ] = True,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Check records: what a pull request to the results has to pass.

    Each line's JSON, checksum and fields; its folder and machine; values that cannot be; medians and ratios, again from
    the raw samples; sums over the plan's layers; and sizes and MACs, again from the settings. Exit code 1 if anything
    is found. What cannot be planned here, such as the method of a plugin that is not given, is told and is no
    finding.
    """
    from ..base.process import PLANNING, start_server, stop_server

    import_plugins(plugin or [])
    if plan:
        start_server(PLANNING)
    try:
        from ..checks.validate import validate

        report = validate(folders_to_read(folder).folders[0], plan=plan)
    finally:
        if plan:
            stop_server()  # trials that this process may run later need one that has imported more
    if as_json:
        print_json(report.to_json())
    else:
        console = output()
        for finding in report.findings:
            console.print(str(finding), highlight=False, markup=False, soft_wrap=True)
        console.print(report.summary, highlight=False, markup=False, soft_wrap=True)
    if report.findings:
        raise typer.Exit(1)
