"""``decompbench data``: what models are trained and tested on."""

from __future__ import annotations

from .common import AsJson, print_list

EXAMPLE = "Example: decompbench data"


def data_command(as_json: AsJson = False) -> None:
    """List the data sets, those that ship with the package first."""
    from ..data import list_data

    rows = [info.to_json() for info in list_data()]
    print_list(rows, tuple(rows[0]), as_json)
