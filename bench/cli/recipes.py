"""``decompbench recipes``: the training recipes that ship with the package."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AsJson, output, print_json, print_list

EXAMPLE = "Example: decompbench recipes li2019-cifar10"


def recipes_command(
    name: Annotated[str | None, typer.Argument(help="Show all fields of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the named recipes, or show one. A suite takes one by 'recipe: NAME' or 'recipe: {base: NAME, epochs: 3}'."""
    from ..suite.recipe_files import list_recipes
    from ..suite.recipes import find_recipe

    if name is None:
        found = {known: find_recipe(known) for known in list_recipes()}
        rows = [
            {"recipe": known, "description": one.description, **one.recipe.model_dump(mode="json")}
            for known, one in found.items()
        ]
        print_list(rows, ("recipe", "epochs", "batch_size", "optimizer", "lr", "description"), as_json)
        return
    found_one = find_recipe(name)
    fields = found_one.recipe.model_dump(mode="json")
    if as_json:
        print_json({"recipe": name, "description": found_one.description, **fields})
        return
    width = max(map(len, fields))
    lines = [f"{name}: {found_one.description}", *(f"  {key:{width}}  {value}" for key, value in fields.items())]
    output().print("\n".join(lines), markup=False, highlight=False)
