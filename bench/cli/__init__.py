"""The command line: ``decompbench VERB``, one module for each verb."""

from __future__ import annotations

import sys
import warnings

import typer

from ..base.errors import is_user_error
from . import (
    baseline,
    check,
    compare,
    compress,
    contribute,
    data,
    doctor,
    figure,
    latency,
    leaderboard,
    methods,
    models,
    plan,
    published,
    rank,
    recipes,
    run,
    suites,
    sweep,
    tables,
    validate,
)

app = typer.Typer(
    name="decompbench",
    help="Benchmark methods that make convolutional networks smaller by decomposing their filters.",
    epilog="Example: decompbench run smoke",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
VERBS = (
    run,
    plan,
    latency,
    leaderboard,
    rank,
    figure,
    compare,
    tables,
    validate,
    contribute,
    methods,
    models,
    suites,
    recipes,
    data,
    compress,
    baseline,
    check,
    published,
    sweep,
    doctor,
)
for verb in VERBS:
    name = verb.__name__.rpartition(".")[2]
    app.command(name, epilog=verb.EXAMPLE)(getattr(verb, f"{name}_command"))


def main() -> None:
    """Run the command line. A mistake of the user's is one message and exit code 2."""
    # of a library that ours import; nothing that who calls us could mend
    warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
    try:
        app()
    except Exception as error:
        if not is_user_error(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
