"""Recipes by name: those of the papers, and short ones of ours.

They lie in ``recipes/<source>.yaml`` and are named ``<source>-<key>``. A suite takes one by ``recipe: NAME``, or by
``recipe: {base: NAME, epochs: 3}``, which changes single fields.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import SuiteError, suggestion
from .recipe import Recipe

FOLDER = Path(__file__).parent / "recipes"


class NamedRecipe(BaseModel):
    """A recipe that ships with the package.

    Attributes
    ----------
    description
        What it is for, and what of it is not in the paper.
    recipe
        The recipe.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    recipe: Recipe


@cache
def _contents() -> dict[str, dict[str, Any]]:
    """Return what the files say, by name."""
    from .suite_file import parse_value

    return {
        f"{file.stem}-{key}": content
        for file in sorted(FOLDER.glob("*.yaml"))
        for key, content in parse_value(file.read_text(encoding="utf-8")).items()
    }


def list_recipes() -> list[str]:
    """Return the names of all packaged recipes."""
    return list(_contents())


@cache
def find_recipe(name: str) -> NamedRecipe:
    """Return the recipe of a name.

    Raises
    ------
    SuiteError
        There is none (the message has the nearest names), or its file is wrong.
    """
    known = _contents()
    if name not in known:
        raise SuiteError(f"unknown recipe '{name}'{suggestion(name, known)}; packaged: {', '.join(known)}")
    try:
        return NamedRecipe(**known[name])
    except ValidationError as error:
        raise SuiteError(f"recipe {name}: {error}") from None
