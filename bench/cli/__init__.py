"""The command line: ``decompbench VERB``. Each verb is a module, imported when it is called or its help is shown.

In: words. Out: text or JSON on standard output, and an exit code.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ...common.names import suggestion
from ...common.plain import make_plain
from ..base.errors import is_user_error

#: All there are, in the order of ``--help``. The verb ``plan`` is ``plan_command`` of the module ``plan``, which has an
#: ``EXAMPLE``. A verb imports what it needs when it is called: its help is to be there at once.
VERBS = (
    "run",
    "plan",
    "latency",
    "leaderboard",
    "rank",
    "figure",
    "compare",
    "tables",
    "validate",
    "contribute",
    "methods",
    "models",
    "suites",
    "recipes",
    "data",
    "compress",
    "baseline",
    "check",
    "published",
    "sweep",
    "doctor",
)
#: Of the program and of each verb.
LOOKS: dict[str, Any] = {"pretty_exceptions_enable": False, "rich_markup_mode": "rich"}


class Verbs(TyperGroup):
    """The group of all verbs, each made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb's command, None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f".{cmd_name}", __name__)
        alone = typer.Typer(add_completion=False, **LOOKS)
        alone.command(cmd_name, epilog=module.EXAMPLE)(getattr(module, f"{cmd_name}_command"))
        return typer.main.get_command(alone)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, command and the words that are left; end with the nearest verbs where there is none."""
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{name}'{suggestion(name, VERBS)}.")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Verbs,
    name="decompbench",
    help="Benchmark methods that make convolutional networks smaller by decomposing their filters.",
    epilog="Example: decompbench run smoke",
    no_args_is_help=True,
    **LOOKS,
)


def _print_version(wanted: bool) -> None:
    """Print the version and end, where that is wanted."""
    if wanted:
        from importlib.metadata import version

        print(f"decompbench {version('decompbench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. A mistake of the user's is one message and exit code 2."""
    make_plain(sys.stdout)
    make_plain(sys.stderr)
    # of a library that ours import; nothing that who calls us could mend
    warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
    try:
        app()
    except Exception as error:
        if not is_user_error(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
