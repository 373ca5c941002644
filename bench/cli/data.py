"""``decompbench data``: what models are trained and tested on; ``decompbench data fetch NAME`` downloads it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import AsJson, Plugins, import_plugins, output, print_list

EXAMPLE = "Example: decompbench data fetch cifar10"
#: What all modules with data import, and with it torch, which takes longer than all else.
TYPES = "decompbench.bench.data.types"


def data_command(
    action: Annotated[str | None, typer.Argument(help="Nothing, for a list, or 'fetch'.", metavar="[fetch]")] = None,
    name: Annotated[str | None, typer.Argument(help="What to fetch.")] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List the data sets, those that ship with the package first; or download one.

    'decompbench data fetch' alone lists what can be downloaded. It goes to $DECOMPBENCH_DATA, or without that to the
    cache folder. Nothing else downloads data.
    """
    from ..base.kept import kept
    from ..data.registry import loader_folders

    import_plugins(plugin or [])
    if action is None:
        rows = kept("data", TYPES, _list_all, data=loader_folders)
        print_list(rows, tuple(rows[0]), as_json)
        return
    if action != "fetch":
        raise typer.BadParameter(f"'{action}' is not 'fetch'")
    from ..data import fetch_data, list_data

    if name is None:
        rows = [info.to_json() for info in list_data() if info.fetch is not None]
        print_list(rows, ("name", "description"), as_json)
        return
    folder = fetch_data(name)
    output().print(f"{name} is in {folder}", markup=False, highlight=False)


def _list_all() -> list[dict[str, Any]]:
    from ..data import list_data

    return [info.to_json() for info in list_data()]
