"""Recipes by name: those of the papers, and short ones of ours.

They lie in ``recipes/<source>.yaml`` and are named ``<source>-<key>``. A suite takes one by ``recipe: NAME``, or by
``recipe: {base: NAME, epochs: 3}``, which changes single fields.
"""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from ..base.errors import SuiteError
from .recipe import Recipe
from .recipe_files import recipe_content


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
def find_recipe(name: str) -> NamedRecipe:
    """Return the recipe of a name.

    Raises
    ------
    SuiteError
        There is none (the message has the nearest names), or its file is wrong.
    """
    content = recipe_content(name)
    try:
        return NamedRecipe(**content)
    except ValidationError as error:
        raise SuiteError(f"recipe {name}: {error}") from None
