"""``decompbench models``: what can be compressed, and how large it is."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Annotated, Any

import typer

from .options import AsJson, print_list

EXAMPLE = "Example: decompbench models 'timm/resnet*'"
COLUMNS = ("model", "parameters", "MACs", "input", "weights of", "source")


def models_command(
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Names, or patterns such as 'timm/resnet*'. Default: all of ours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List models with their parameters, their MACs for one image, and the data that trained weights ship for."""
    from ...models import list_models
    from ..planning.meta_model import size_of

    infos = {info.name: info for pattern in patterns or ["*"] for info in list_models(pattern)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about weights that are never drawn here
        rows = [asdict(info) | size_of(info) for info in infos.values()]
    print_list(rows if as_json else [_in_columns(row) for row in rows], COLUMNS, as_json)


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the table shows it."""
    return {
        "model": row["name"],
        "parameters": row["parameters"] and f"{row['parameters']:,}",
        "MACs": row["macs"] and f"{row['macs']:,}",
        "input": row["input_size"] and "×".join(map(str, row["input_size"])),
        "weights of": ", ".join(row["packaged"]),
        "source": row["source"],
    }
