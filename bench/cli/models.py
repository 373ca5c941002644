"""``decompbench models``: what can be compressed, and how large it is."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import AsJson, Plugins, import_plugins, print_list

EXAMPLE = "Example: decompbench models 'timm/resnet*'"
#: What is listed: importing it takes longer than all else.
MODELS = "decompbench.models"
COLUMNS = ("model", "parameters", "unused", "MACs", "input", "weights of", "source")


def models_command(
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Names, or patterns such as 'timm/resnet*'. Default: all of ours.")
    ] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List models with their parameters, their MACs for one image, and the data that trained weights ship for.

    Under "unused" are the parts whose parameters take part in nothing when an image is classified, such as heads for
    training only; JSON has the names of the parameters.
    """
    from ..base.kept import kept

    import_plugins(plugin or [])
    rows = _size_all(patterns) if patterns else kept("models", MODELS, lambda: _size_all(["*"]), data=_weights)
    print_list(rows if as_json else [_in_columns(row) for row in rows], COLUMNS, as_json)


def _weights() -> list[Path]:
    from ...models.weights import PRETRAINED

    return [PRETRAINED, *PRETRAINED.iterdir()]


def _size_all(patterns: list[str]) -> list[dict[str, Any]]:
    """Return all that is known of the models that match, each once."""
    from ...models import list_models
    from ..planning.meta_model import size_of

    infos = {info.name: info for pattern in patterns for info in list_models(pattern)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about weights that are never drawn here
        return [asdict(info) | size_of(info) for info in infos.values()]


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the table shows it."""
    return {
        "model": row["name"],
        "parameters": row["parameters"] and f"{row['parameters']:,}",
        "unused": ", ".join(dict.fromkeys(name.split(".")[0] for name in row["unused"])),
        "MACs": row["macs"] and f"{row['macs']:,}",
        "input": row["input_size"] and "×".join(map(str, row["input_size"])),
        "weights of": ", ".join(row["packaged"]),
        "source": row["source"],
    }
