"""The needs of a suite's rows: packages that a method comes with, without which its row is left out and said to be."""

from __future__ import annotations

import functools
from importlib import metadata

from .schema import MethodChoice, Suite


@functools.cache
def is_installed(distribution: str) -> bool:
    """Tell whether a package is installed, by the name it is installed under."""
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def is_left_out(choice: MethodChoice) -> bool:
    """Tell whether a row is left out, since the package it needs is not installed."""
    return bool(choice.needs) and not is_installed(choice.needs)


def left_out(suite: Suite) -> list[str]:
    """Return a line for each row that is left out: which, and what it needs."""
    rows = {
        (choice.row, choice.needs): None for entry in suite.entries for choice in entry.methods if is_left_out(choice)
    }
    return [f"{row} is left out: it needs the package {needs}, which is not installed" for row, needs in rows]
