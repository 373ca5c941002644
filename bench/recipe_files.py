"""What the files of packaged recipes say, unchecked: ``recipe`` builds on it, and ``named_recipe`` checks it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from .errors import SuiteError, suggestion
from .suite_yaml import parse_value

FOLDER = Path(__file__).parent / "recipes"


@cache
def _contents() -> dict[str, dict[str, Any]]:
    return {
        f"{file.stem}-{key}": content
        for file in sorted(FOLDER.glob("*.yaml"))
        for key, content in parse_value(file.read_text(encoding="utf-8")).items()
    }


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
    known = _contents()
    if name not in known:
        raise SuiteError(f"unknown recipe '{name}'{suggestion(name, known)}; packaged: {', '.join(known)}")
    return known[name]
