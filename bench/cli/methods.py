"""``decompbench methods``: what can be compared, and what each method can be set to."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated, Any

import typer
from rich.console import Console

from .options import AsJson, Plugins, import_plugins, output, print_json, print_list

EXAMPLE = "Example: decompbench methods tucker2"
#: What is described: importing it takes longer than all else.
METHODS = "decompbench.methods"
#: Widest line of a text.
PROSE_WIDTH = 100


def methods_command(
    name: Annotated[str | None, typer.Argument(help="Show all settings of this method. Default: list all.")] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List the methods, those of plugins included; with a NAME show each of its settings."""
    from ..base.kept import kept

    import_plugins(plugin or [])
    # where a plugin was skipped, the next call is to tell of it, too
    known = kept("methods", METHODS, _describe_all, complete=lambda value: not value["skipped"])["methods"]
    if name is not None:
        described = known[name] if name in known else _describe(name)  # which has the nearest names
        if as_json:
            print_json(described)
        else:
            _print_method(described, output())
        return
    rows = [
        {
            **{key: described[key] for key in ("method", "kind", "version")},
            "knob": described["knob"] and described["knob"]["field"],
            **{key: described[key] for key in ("paper", "summary")},
            "settings": {setting["name"]: setting["default"] for setting in described["settings"]},
        }
        for described in known.values()
    ]
    print_list(rows, ("method", "kind", "knob", "paper", "summary"), as_json)
    if not as_json:
        output().print("decompbench methods NAME shows the settings", markup=False, highlight=False)


def _describe_all() -> dict[str, Any]:
    from ..planning.describe import describe_all

    return describe_all()


def _describe(name: str) -> dict[str, Any]:
    from ...methods import get_method
    from ..planning.describe import describe_method

    return describe_method(get_method(name))


def _layers(described: dict[str, Any]) -> str:
    """Say which layers a method takes."""
    words = {"Conv2d": "convolutions", "ConvTranspose2d": "transposed convolutions", "Linear": "linear layers"}
    names: list[str] = described["expresses"]
    if described["kind"] == "none":
        return "takes no layers"
    taken = " and ".join(words.get(name, name) for name in names)
    return f"takes {taken}" + (" (these where asked: layers: conv+linear)" if "Linear" in names else "")


def _print_method(described: dict[str, Any], console: Console) -> None:
    width = min(console.width, PROSE_WIDTH)
    knob = described["knob"]
    sized = (
        f"a budget moves {knob['field']} from {knob['low']} to {knob['high']}" if knob else "it has no size to choose"
    )
    lines = [
        *textwrap.wrap(f"{described['method']}: {described['summary']}", width),
        *textwrap.wrap(described["description"], width),
        *textwrap.wrap(_layers(described), width),
        f"kind {described['kind']}; version {described['version']}; {sized}",
        *textwrap.wrap(f"paper: {described['paper'] or 'none'}", width),
        "",
    ]
    for setting in described["settings"]:
        default = json.dumps(setting["default"], ensure_ascii=False)
        lines.append(f"{setting['name']}: {setting['type']}, default {default}")
        lines += textwrap.wrap(setting["meaning"], width, initial_indent="    ", subsequent_indent="    ")
    console.print("\n".join(lines if described["settings"] else [*lines, "It has no settings."]),
                  markup=False, highlight=False, soft_wrap=True)  # fmt: skip
