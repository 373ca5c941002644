"""``decompbench run``: run what is missing of a suite and show the leaderboard."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..base.text import counted
from .decisions import print_decisions
from .options import DEFAULT_RESULTS, AsJson, Device, Devices, Results, output, parse_settings, print_json
from .results_folders import folder_to_write, has_reference

if TYPE_CHECKING:
    from ..running.run_suite import RunResult

EXAMPLE = "Example: decompbench run quick --only 'resnet8*params=30%*'"
#: What a shell expects of a program ended by Ctrl-C.
INTERRUPTED = 130


def run_command(
    suite: Annotated[str, typer.Argument(help="A packaged suite's name, or the path of a YAML file.")],
    results: Results = DEFAULT_RESULTS,
    only: Annotated[
        str | None, typer.Option(help="Only trials whose name contains this, or matches it if it has * or ?.")
    ] = None,
    device: Device = "cpu",
    devices: Devices = 1,
    recipe: Annotated[
        list[str] | None,
        typer.Option("--recipe", help="A field of every entry's recipe, such as epochs=3; may be given again."),
    ] = None,
    redo: Annotated[
        Literal["outdated", "all"] | None,
        typer.Option(help="Run trials again that are done: those made with other libraries or sources, or all."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each trial whether it would run, and why; run nothing.")
    ] = False,
    keep_models: Annotated[
        Path | None,
        typer.Option(
            "--keep-models", help="Folder to keep the finished models in, for 'figure images'.", file_okay=False
        ),
    ] = None,
    write_reference: Annotated[
        bool,
        typer.Option("--write-reference", help="Allow --results to be the committed results: for maintainers."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the trials of a suite that have no record yet, then print the leaderboard.

    An interrupted run goes on where it was when started again. Exit code 0: every trial is ok; 1: some are
    not; 2: the run could not be made; 130: ended by Ctrl-C.

    Trials that ended as ok, skipped or diverged are done: they would end alike. Those that ended as failed,
    timeout or oom are run again the next time, as time, memory or a mended fault may change that. Other versions
    of libraries, and changes of the source that raised no version, are told by --explain and are no reason to run a
    trial again but with --redo outdated.
    """
    from ..base.machine import identity_problem
    from ..base.process import start_server, stop_server

    folder = folder_to_write(results, write_reference=write_reference)
    if problem := identity_problem():
        print(problem, file=sys.stderr)
    start_server()
    try:
        from ..reports.export.render import print_tables, to_rows
        from ..reports.leaderboard.rows import leaderboard
        from ..reports.scores import scores_to_json
        from ..running.progress import create_progress
        from ..running.run_suite import explain_suite, run_suite
        from ..suite.load import change_recipes, load_suite

        progress = create_progress()
        chosen = change_recipes(load_suite(suite), parse_settings(recipe or []))
        asked = {"progress": progress, "device": device, "devices": devices, "only": only, "redo": redo}
        if explain:
            print_decisions(explain_suite(chosen, folder, **asked), as_json)
            return
        result = run_suite(chosen, folder, **asked, keep_models=keep_models)
    except KeyboardInterrupt:
        stop_server()
        print("interrupted before a trial was run", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    frame = leaderboard(result.records)
    not_ok = sum(record.status != "ok" for record in result.records)
    if as_json:
        print_json(
            {
                "trials": result.total,
                "new": result.new,
                "not_ok": not_ok,
                "interrupted": result.interrupted,
                "records": str(result.path),
                "machine": str(result.machine_path),
                "rows": scores_to_json(to_rows(frame)),
            }
        )
    else:
        if result.records:
            print_tables(frame, output())
        new = counted(result.new, "new record")
        output().print(f"{new} in {result.path}\nmachine: {result.machine_path}", highlight=False)
        if results is None and has_reference(chosen.name):
            print(f"'decompbench leaderboard {suite}' shows the reference machine's rows beside these", file=sys.stderr)
    if result.interrupted:
        done = len(result.records) - len(result.retried)
        progress.note(f"interrupted: {done} of {result.total} trials are done; start the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    if not result.all_ok:
        progress.note(_not_ok(result))
        raise typer.Exit(1)


def _not_ok(result: RunResult) -> str:
    """Return how many trials are not ok, which the same command would run again and which not."""
    counts = Counter(record.status for record in result.records if record.status != "ok")
    again = Counter(record.status for record in result.retried)
    final = counts - again
    parts = [f"{counted(counts.total(), 'trial')} not ok"]
    if again:
        parts.append(f"the same command again retries {_listed(again)}")
    if final:
        parts.append(f"{_listed(final)} would end alike (--redo all runs them)")
    return "; ".join(parts)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
