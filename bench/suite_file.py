"""Reading suite files: packaged names, paths, ``extends``, and errors that name file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from .errors import SuiteError, suggestion
from .recipe import Recipe, change_fields
from .suite import Entry, Suite

Location = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """YAML as people write it: ``1e-3`` is a number and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"line {key_node.start_mark.line + 1}: key '{key}' is given twice"
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def packaged_suites() -> dict[str, Path]:
    """Return the suites that ship with the package: name to file, sorted by name."""
    folder = Path(__file__).parent / "suites"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


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
    for key in ("recipe", "measure"):
        _pass_on(content, key)
    try:
        return Suite(**content, folder=str(file.resolve().parent), source=str(file))
    except ValidationError as error:
        problems = error.errors()
        places = [problem["loc"] for problem in problems]
        # A list whose items are all wrong is reported as too short, too.
        told = [p for p in problems if p["type"] != "too_short" or not any(_within(x, p["loc"]) for x in places)]
        lines = [_explain(problem, _place(problem["loc"], files), Suite) for problem in told]
        raise SuiteError("\n".join(dict.fromkeys(lines))) from None
    except TypeError as error:
        raise SuiteError(f"{file}: keys must be words: {error}") from None


def change_recipes(suite: Suite, changes: dict[str, Any], option: str = "--recipe") -> Suite:
    """Return a suite with some fields changed in the recipe of every entry.

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
        try:
            entries.append(Entry(**{**dict(entry), "recipe": recipe}))
        except ValidationError as error:  # what the entry has beside the recipe does not go with it
            raise SuiteError("\n".join(_explain(problem, option, Entry) for problem in error.errors())) from None
    return suite.model_copy(update={"entries": tuple(entries)})


def change_recipe(recipe: Recipe, changes: dict[str, Any], option: str) -> Recipe:
    """Return a recipe with some fields changed; parameters and errors are those of `change_recipes`."""
    try:
        return Recipe.model_validate(change_fields(recipe.model_dump(), changes))
    except ValidationError as error:
        raise SuiteError("\n".join(_explain(problem, option, Recipe) for problem in error.errors())) from None


def parse_value(text: str) -> Any:
    """Return the value of a setting as a suite file would read it: a number, ``true``, ``[3, 3]``, a word.

    Raises
    ------
    SuiteError
        The text is not valid YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise SuiteError(f"cannot read the value {text!r}: {' '.join(str(error).split())}") from None


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


def _pass_on(content: dict[str, Any], key: str) -> None:
    """Lay the fields that an entry has under ``key`` over those that the suite has there."""
    below, entries = content.get(key), content.get("entries")
    if below is not None and isinstance(entries, list):
        content["entries"] = [
            {**entry, key: _overlay({key: below}, {key: entry.get(key, {})})[key]} if isinstance(entry, dict) else entry
            for entry in entries
        ]


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
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise SuiteError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise SuiteError(f"{file}: a suite is a mapping with the keys {', '.join(_allowed((), Suite))}")
    return content


def _place(location: Location, files: Iterable[Path]) -> str:
    """Return the file and line that hold ``location``, as ``file:line``."""
    file, line = _line(location, files)
    return f"{file}:{line}" if line else str(file)


def _explain(problem: Any, where: str, root: type[BaseModel]) -> str:
    """Word one of pydantic's problems about a ``root``: where, key, what is wrong, what is allowed."""
    location: Location = tuple(problem["loc"])
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    given = problem.get("input")
    context = problem.get("ctx", {})
    if problem["type"] == "extra_forbidden":
        allowed = _allowed(location[:-1], root)
        near = suggestion(str(location[-1]), allowed)
        text = f"unknown key '{location[-1]}'{near}; allowed: {', '.join(allowed)}"
    elif problem["type"] == "missing":
        text = "is missing"
    elif problem["type"] == "literal_error":
        near = suggestion(str(given), re.findall(r"'([^']*)'", context.get("expected", "")))
        text = f"{given!r} is not allowed{near}; allowed: {context.get('expected')}"
    elif problem["type"] == "value_error":
        text = str(context.get("error", problem["msg"]))
    else:
        text = f"{problem['msg']}, got {given!r}"
    return f"{where}: {key}: {text}" if key else f"{where}: {text}"


def _within(location: Location, outer: Location) -> bool:
    return len(location) > len(outer) and location[: len(outer)] == outer


def _allowed(location: Location, root: type[BaseModel]) -> list[str]:
    """Return the keys allowed in the mapping at ``location`` of what is read as a ``root``."""
    model: Any = root
    for part in location:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = next(_models(field.annotation), None) if field else None
    if model is None:
        return []
    names = [name for name, field in model.model_fields.items() if not field.exclude]
    first = {Suite: "extends", Recipe: "base"}.get(model)
    return [first, *names] if first else names


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models inside an annotation such as ``tuple[Entry, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _line(location: Location, files: Iterable[Path]) -> tuple[Path, int | None]:
    """Return the file and line (from 1) that hold ``location``, or what comes nearest to it."""
    files = list(files)
    found: list[tuple[int, Path, int]] = []
    for file in files:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)
        depth, line = 0, None
        for part in location:
            step = _child(node, part)
            if step is None:
                break
            line, node = step
            depth += 1
        if line is not None:
            found.append((depth, file, line))
    if not found:
        return files[0], None
    _, file, line = max(found, key=lambda item: item[0])
    return file, line


def _child(node: Any, part: int | str) -> tuple[int, yaml.Node] | None:
    """Return the line and node of one step down, None where there is no such step."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
