"""The loader of suites: a packaged name or a path, ``extends`` and ``defaults``, and one message about all mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ...common.names import suggestion
from ..base.errors import SuiteError
from ..base.yaml import Loader
from ..data.places import data_folder
from .explain import allowed_keys, explain, explain_in_file
from .recipe import Recipe, change_fields
from .schema import Entry, Suite
from .variants import find_variant


def packaged_suites() -> dict[str, Path]:
    """Return the suites that ship with the package: name to file, sorted by name.

    A paper's own lie in a folder of its name; a suite's name is its file's alone.
    """
    folder = Path(__file__).parent / "packaged" / "suites"
    return {file.stem: file for file in sorted(folder.rglob("*.yaml"), key=lambda file: file.stem)}


def find_suite(name: str, beside: Path | None = None) -> Path:
    """Return the file of a suite given by packaged name or by path.

    Parameters
    ----------
    name
        A packaged name (``quick``) or the path of a YAML file.
    beside
        Folder that relative paths start from; the current folder by default.

    Raises
    ------
    SuiteError
        No such packaged suite (with the nearest names), or no such file.
    """
    packaged = packaged_suites()
    if name in packaged:
        return packaged[name]
    path = (beside or Path()) / name
    if path.is_file():
        return path
    if "/" in name or name.endswith((".yaml", ".yml")):
        raise SuiteError(f"no suite file {path}")
    raise SuiteError(
        f"unknown suite '{name}'{suggestion(name, packaged)}; "
        f"packaged: {', '.join(packaged)}; or give the path of a YAML file"
    )


def load_suite(name: str) -> Suite:
    """Read and check a suite.

    Parameters
    ----------
    name
        A packaged name or the path of a YAML file.

    Raises
    ------
    SuiteError
        Naming the file, the line, the key and what is allowed there. All mistakes are listed at once.
    """
    file = find_suite(name)
    content, files = _merged(file, ())
    _give_defaults(content, file)
    for key in ("recipe", "measure"):
        _pass_on(content, key)
    _pass_recipes_on_to_methods(content)
    try:
        content |= {"folder": str(_folder(file)), "source": str(file)}
        return Suite.model_validate(content, context={"find_variant": find_variant})
    except ValidationError as error:
        raise SuiteError(explain_in_file(error, files)) from None
    except TypeError as error:
        raise SuiteError(f"{file}: keys must be words: {error}") from None


def _folder(file: Path) -> Path:
    """Return where relative paths in a suite start: beside its file; for those in the package, where all data is."""
    packaged = file in packaged_suites().values()
    return (data_folder() if packaged else file.parent).resolve()


def change_recipes(suite: Suite, changes: dict[str, Any], option: str = "--recipe") -> Suite:
    """Return a suite with some fields changed in the recipe of every entry, and of every method with one of its own.

    Parameters
    ----------
    suite
        The suite.
    changes
        As under ``recipe`` in a suite file; ``base`` takes another recipe altogether.
    option
        What errors say the changes come from.

    Raises
    ------
    SuiteError
        A field that recipes do not have, or a value that it cannot have.
    """
    if not changes:
        return suite
    entries = []
    for entry in suite.entries:
        recipe = change_recipe(entry.recipe, changes, option)
        methods = tuple(
            choice
            if choice.recipe is None
            else choice.model_copy(update={"recipe": change_recipe(choice.recipe, changes, option)})
            for choice in entry.methods
        )
        try:
            entries.append(Entry(**{**dict(entry), "recipe": recipe, "methods": methods}))
        except ValidationError as error:  # what the entry has beside the recipe does not go with it
            raise SuiteError(explain(error, option, Entry)) from None
    return suite.model_copy(update={"entries": tuple(entries)})


def change_recipe(recipe: Recipe, changes: dict[str, Any], option: str) -> Recipe:
    """Return a recipe with some fields changed; parameters and errors are those of `change_recipes`."""
    try:
        return Recipe.model_validate(change_fields(recipe.model_dump(), changes))
    except ValidationError as error:
        raise SuiteError(explain(error, option, Recipe)) from None


def _merged(file: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], list[Path]]:
    """Return a file's content over that of the suite it extends, and the files read, nearest first."""
    if file.resolve() in above:
        raise SuiteError(f"{file}: 'extends' goes round in a circle")
    content = _read(file)
    base = content.pop("extends", None)
    if base is None:
        return content, [file]
    if not isinstance(base, str):
        raise SuiteError(f"{file}: extends: must be the name or path of one suite, not {base!r}")
    try:
        base_file = find_suite(base, beside=file.parent)
    except SuiteError as error:
        raise SuiteError(f"{file}: extends: {error}") from None
    below, files = _merged(base_file, (*above, file.resolve()))
    return _overlay(below, content), [file, *files]


def _give_defaults(content: dict[str, Any], file: Path) -> None:
    """Lay every entry over ``defaults``, which is taken out."""
    defaults, entries = content.pop("defaults", None), content.get("entries")
    if defaults is None:
        return
    if not isinstance(defaults, dict):
        raise SuiteError(f"{file}: defaults: must be a mapping with keys of an entry, not {defaults!r}")
    if isinstance(entries, list):
        content["entries"] = [_overlay(defaults, entry) if isinstance(entry, dict) else entry for entry in entries]


def _pass_on(content: dict[str, Any], key: str) -> None:
    """Lay the fields that an entry has under ``key`` over those that the suite has there."""
    below, entries = content.get(key), content.get("entries")
    if below is not None and isinstance(entries, list):
        content["entries"] = [
            {**entry, key: _overlay({key: below}, {key: entry.get(key, {})})[key]} if isinstance(entry, dict) else entry
            for entry in entries
        ]


def _pass_recipes_on_to_methods(content: dict[str, Any]) -> None:
    """Lay the fields of a method's own recipe over those of its entry's."""
    if isinstance(entries := content.get("entries"), list):
        content["entries"] = [_with_methods_recipes(entry) if isinstance(entry, dict) else entry for entry in entries]


def _with_methods_recipes(entry: dict[str, Any]) -> dict[str, Any]:
    methods, below = entry.get("methods"), {"recipe": entry.get("recipe", {})}
    if not isinstance(methods, list):
        return entry
    return entry | {
        "methods": [
            one | {"recipe": _overlay(below, one)["recipe"]} if isinstance(one, dict) and "recipe" in one else one
            for one in methods
        ]
    }


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return ``below`` with ``above`` laid over it: mappings merge key by key, all else is replaced."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        if key == "recipe":  # a name is short for the recipe that builds on it
            known, value = ({"base": one} if isinstance(one, str) else one for one in (known, value))
        if isinstance(value, dict) and isinstance(known, dict):
            result[key] = change_fields(known, value) if key == "recipe" else _overlay(known, value)
        else:
            result[key] = value
    return result


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise SuiteError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise SuiteError(f"{file}: a suite is a mapping with the keys {', '.join(allowed_keys((), Suite))}")
    return content
