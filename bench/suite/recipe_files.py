"""The files of packaged recipes, unchecked: ``recipe`` builds on what they say, and ``recipes`` checks it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..base.yaml import find_packaged, packaged_entries

FOLDER = Path(__file__).parent / "packaged" / "recipes"


@cache
def _contents() -> dict[str, dict[str, Any]]:
    return {f"{file.stem}-{key}": content for file, key, content in packaged_entries(FOLDER)}


def list_recipes() -> list[str]:
    """Return the names of all packaged recipes."""
    return list(_contents())


def recipe_content(name: str) -> dict[str, Any]:
    """Return what the file says under a recipe's name.

    Raises
    ------
    SuiteError
        There is none; the message has the nearest names.
    """
    return find_packaged("recipe", name, _contents())
