"""``decompbench sweep``: every method on one model of each of timm's families."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .formats import OldJson, OldMarkdown, OutputPath, choose_output, format_option, write_output
from .options import AboutLayers, Plugins, import_plugins, parse_settings

EXAMPLE = "Example: decompbench sweep --model 'resnet*' --format markdown"
FORMATS = ("terminal", "markdown", "json")
INTERRUPTED = 130


def sweep_command(
    model: Annotated[
        list[str] | None,
        typer.Option(help="Only models whose name or family matches; or another model's full name. Repeatable."),
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method. Repeatable.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of a method: METHOD.FIELD=VALUE. Repeatable.")
    ] = None,
    layers: AboutLayers = "conv",
    plugin: Plugins = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only eight small models.")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="File of outcomes: what is in it is not done again.", dir_okay=False)
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time limit of a model for each method, in s.")] = 600.0,
    memory: Annotated[float, typer.Option(help="Memory limit of a model's process, in GiB.")] = 8.0,
    as_format: Annotated[str | None, format_option(FORMATS)] = None,
    to: OutputPath = None,
    old_markdown: OldMarkdown = False,
    old_json: OldJson = False,
) -> None:
    """Check that every method compresses, or says why not: output shapes, weights and MACs against the formulas.

    Models have fresh weights and the smallest input they accept. All of it takes about an hour on one core, --quick
    a minute; methods that search until they converge take longer, and --set can end that early. Exit code 0: all is
    well; 1: something failed; 130: ended by Ctrl-C, what is known by then is printed.
    """
    from ..base.process import start_server

    start_server()
    from ...methods import get_method, list_methods
    from ..base.provenance.software import code_revision, library_versions
    from ..checks.sweep import KeptOutcomes, ModelOutcome, choose_models, run_sweep, sweep_key, table
    from ..reports.text.json import to_json
    from ..running.progress import create_progress

    where = choose_output(as_format, to, {"markdown": old_markdown, "json": old_json})
    models = choose_models(model or (), quick=quick)
    import_plugins(plugin or [])
    methods = _with_settings(method or list_methods(), settings or [])
    for name, changes in methods.items():
        get_method(name, **changes)  # a mistake is told now, not once for each model
    kept = KeptOutcomes(keep, sweep_key(methods, layers)) if keep else None
    progress = create_progress()
    outcomes: list[ModelOutcome] = []

    def on_model(outcome: ModelOutcome) -> None:
        outcomes.append(outcome)
        state = "ok" if outcome.ok else "; ".join(": ".join(filter(None, pair)) for pair in outcome.failures())
        progress.note(f"[{len(outcomes)}/{len(models)}] {outcome.model}: {state}")

    interrupted = False
    try:
        limits = {"seconds": seconds, "memory": int(memory * 2**30)}
        run_sweep(models, methods, on_model, layers=layers, kept=kept, **limits)
    except KeyboardInterrupt:
        interrupted = True
        progress.note(f"interrupted: {len(outcomes)} of {len(models)} models are done")
    versions = {"decompbench": code_revision(), **library_versions()}
    write_output(
        where,
        {
            "markdown": lambda: table.to_markdown(outcomes, _command(), versions),
            "json": lambda: to_json({"versions": versions, "models": [outcome.to_json() for outcome in outcomes]}),
        },
        lambda console: table.print_sweep(outcomes, console),
    )
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not all(outcome.ok for outcome in outcomes):
        raise typer.Exit(1)


def _with_settings(names: Sequence[str], pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the settings of each method that are not the default ones."""
    methods: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in parse_settings(pairs).items():
        name, dot, field = key.partition(".")
        if not dot or name not in methods:
            raise typer.BadParameter(f"--set {key}=…: must be METHOD.FIELD=VALUE of a method that is run")
        methods[name][field] = value
    return methods


def _command() -> str:
    """Return the command line as it can be given again."""
    import shlex

    return shlex.join(["decompbench", *sys.argv[1:]])
