"""``decompbench plan``: every trial of a suite with its size, nothing trained."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..base.text import counted
from .decisions import print_decisions
from .options import DEFAULT_RESULTS, Allocate, AsJson, Results, output, print_list

if TYPE_CHECKING:
    from ..planning.forecast import Planned
    from ..suite.trial import Trial

if TYPE_CHECKING:
    from ..records.record import Size
    from ..suite.trial import Trial

EXAMPLE = "Example: decompbench plan quick"
COLUMNS = ("trial", "of", "weights", "%", "MACs", "MACs %", "layers", "note")


def plan_command(
    suite: Annotated[str, typer.Argument(help="A packaged suite's name, or the path of a YAML file.")],
    only: Annotated[
        str | None, typer.Option(help="Only trials whose name contains this, or matches it if it has * or ?.")
    ] = None,
    results: Results = DEFAULT_RESULTS,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each trial whether 'run' would run it, and why. Needs the data.")
    ] = False,
    allocate: Allocate = "uniform",
    layers: Annotated[
        Literal["conv", "conv+linear"] | None,
        typer.Option("--layers", help="Plan as if all entries were about these layers."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every trial with its analytic size and MACs. Nothing is trained, no record is written.

    Rows that cannot be made at their budget are counted in the last line, and marked by "made" in JSON.

    Data and weights need not be on this machine, where the data's name tells the size of its images and the number
    of its classes and no method reads settings off the weights. With --allocate the budgets of all methods that have
    an error to allocate by are shared out so, whatever the suite says, and the weights are read.
    """
    from ..base.errors import BenchError
    from ..base.process import PLANNING, start_server, stop_server
    from ..suite.load import load_suite
    from ..suite.needs import left_out
    from ..suite.trial import expand, matching

    if explain:
        if allocate != "uniform":
            raise BenchError("--explain tells of the suite's trials as they are: leave out --allocate")
        start_server()
        from ..records.folders import own_results
        from ..running.progress import create_progress
        from ..running.run_suite import explain_suite

        folder = own_results() if results is None else results
        print(f"results: {folder}", file=sys.stderr)
        print_decisions(explain_suite(load_suite(suite), folder, progress=create_progress(), only=only), as_json)
        return
    start_server(PLANNING)
    try:
        from ..running.run_suite import preview_trials

        read = load_suite(suite)
        for line in left_out(read):
            print(line, file=sys.stderr)
        changes = {} if layers is None else {"layers": layers} | ({"split": {}} if layers == "conv" else {})
        trials = [trial.model_copy(update=changes) for trial in matching(expand(read), only)]
        plans = preview_trials(trials)
        if allocate != "uniform":
            trials = [trial.allocated(allocate) if _can_allocate(trial, planned) else trial
                      for trial, planned in zip(trials, plans, strict=True)]  # fmt: skip
            plans = preview_trials(trials)
    finally:
        stop_server()  # trials that this process may run later need one that has imported more
    rows = []
    for trial, planned in zip(trials, plans, strict=True):
        size = planned.size
        row = {
            "trial": trial.name,
            "method": planned.method.model_dump(),
            "budget": trial.budget.as_dict() if trial.budget else None,
            "seed": trial.seed,
            "made": planned.made,
            "size": size.model_dump() if size else None,
            "note": planned.problem or _note(trial, size),
        }
        if size is not None:
            row |= {
                "weights": f"{size.weights:,}",
                "%": f"{100 * size.weights / size.dense_weights:.2f}",
                "MACs": f"{size.macs:,}",
                "MACs %": f"{100 * size.macs / size.dense_macs:.2f}",
                "of": trial.layers,
                "layers": f"{size.compressed_layers}/{size.layers}",
            }
        rows.append(row)
    if as_json:
        rows = [{key: value for key, value in row.items() if key not in COLUMNS[1:-1]} for row in rows]
    print_list(rows, COLUMNS, as_json)
    if not as_json:
        output().print(_out_of_reach([row["made"] for row in rows]), highlight=False)


def _can_allocate(trial: Trial, planned: Planned) -> bool:
    """Return whether a trial has a budget to share out, and a method with an error to share it out by."""
    return trial.budget is not None and planned.size is not None and planned.method.kind == "weight-space"


def _note(trial: Trial, size: Size | None) -> str | None:
    """Return why the size is not the one asked for; of the dense row, how small a part convolutions are."""
    if size is None or size.note:
        return size and size.note
    return size.small_part() if trial.is_dense and trial.layers == "conv" else None


def _out_of_reach(made: list[str]) -> str:
    """Return the line on how many rows are not what was asked for."""
    nearest, none = made.count("nearest"), made.count("not")
    parts = [f"{nearest} at the nearest size instead"] * bool(nearest) + [f"{none} not at all"] * bool(none)
    ending = f": {', '.join(parts)}" if parts else ""
    return f"{nearest + none} of {counted(len(made), 'row')} cannot be made at their budget{ending}"
