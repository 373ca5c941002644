"""``decompbench models``: what can be compressed."""

from __future__ import annotations

from dataclasses import asdict

from .common import AsJson, print_list

EXAMPLE = "Example: decompbench models"


def models_command(as_json: AsJson = False) -> None:
    """List the models and the trained weights that ship with the package."""
    from ...models import list_models

    rows = [asdict(info) for info in list_models()]
    print_list(rows, tuple(rows[0]), as_json)
