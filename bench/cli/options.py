"""Options that several verbs share, and their lists as tables or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from ...common.plain import plain_json
from ..reports.text.console import PlainConsole

if TYPE_CHECKING:
    from ...methods import Target

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output, and nothing else.")]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results",
        help="Folder of all results. Default: $DECOMPBENCH_RESULTS, else 'results' if a run made it, else your own.",
        file_okay=False,
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda or cuda:N.")]
ParamsBudget = Annotated[float | None, typer.Option(help="Budget: fraction of the conv weights.")]
MacsBudget = Annotated[float | None, typer.Option(help="Budget: fraction of the convs' MACs.")]
BitsBudget = Annotated[float | None, typer.Option(help="Budget: fraction of the conv weights' bits.")]
Allocate = Annotated[
    Literal["uniform", "energy", "evbmf", "global", "sensitivity"],
    typer.Option(help="How the budget is shared out over the layers: one setting for all, or one for each."),
]
AboutLayers = Annotated[
    Literal["conv", "conv+linear"],
    typer.Option("--layers", help="What is compressed and what budgets count: convolutions, or linear layers, too."),
]
Split = Annotated[
    list[str] | None,
    typer.Option("--split", help="Cut linear layers before they are compressed: PATTERN=PARTS, as '*.qkv=3'."),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin", help="A module with methods, models, tasks or data of its own, beside you or installed. Repeatable."
    ),
]
Devices = Annotated[int, typer.Option("--devices", min=1, help="Train on so many GPUs, or CPU processes, at once.")]
Superseded = Annotated[
    bool, typer.Option("--superseded", help="Records of older versions of a suite or a method, too, marked as such.")
]
UNFOLDED = 100_000
"""Width of what is no terminal: no line is as long."""
DEFAULT_RESULTS = None
"""The folder is chosen, and told, by :mod:`.results_folders`."""


def output() -> PlainConsole:
    """Return the console for results: standard output, not folded where it is no terminal."""
    console = PlainConsole()
    if not console.is_terminal:
        console.width = UNFOLDED
    return console


def stream_encoding(stream: Any) -> str:
    """Return the encoding of a stream, UTF-8 for one that takes any text."""
    return getattr(stream, "encoding", None) or "utf-8"


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON."""
    from ..reports.text.json import to_json

    sys.stdout.write(plain_json(to_json(value), stream_encoding(sys.stdout)))


def print_list(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print a list of things: a table of some columns, or JSON with all keys.

    Parameters
    ----------
    rows
        One mapping a thing.
    columns
        Keys to show in the table.
    as_json
        Print JSON instead.
    """
    if as_json:
        print_json(list(rows))
        return
    table = Table(show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    output().print(table)


def _cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` pairs as settings; values are read as in a suite file.

    Raises
    ------
    typer.BadParameter
        A pair without ``=``.
    """
    from ..base.yaml import parse_value

    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form key=value")
        settings[key] = parse_value(value)
    return settings


def one_budget(params: float | None, macs: float | None, bits: float | None) -> Target | None:
    """Return the budget that was given, None without one.

    Raises
    ------
    typer.BadParameter
        There is more than one.
    """
    from ...methods import Target

    budgets = {
        name: value for name, value in {"params": params, "macs": macs, "bits": bits}.items() if value is not None
    }
    if len(budgets) > 1:
        raise typer.BadParameter(f"give one budget, not {' and '.join(budgets)}")
    return Target(**budgets) if budgets else None


def parse_size(text: str) -> tuple[int, int]:
    """Return height and width from ``HxW``."""
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise typer.BadParameter(f"--size {text!r}: must be like 32x32")
    return int(height), int(width)


def import_plugins(names: Sequence[str]) -> None:
    """Import modules with methods, models, tasks or data of their own, which may lie in the working directory.

    Processes that this one starts import them, too.

    Raises
    ------
    PluginError
        One cannot be imported.
    """
    from ...common.plugins import Plugins

    Plugins(tuple(names), os.getcwd(), "--plugin").load()
