"""Messages about mistakes in a suite: file, line, key, what is wrong and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ...common.names import suggestion
from ..base.yaml import Loader
from .recipe import Recipe
from .schema import Entry, Suite

Location = tuple[int | str, ...]


def explain(error: ValidationError, where: str, root: type[BaseModel]) -> str:
    """Word all problems with what was read as a ``root``, a line each."""
    return "\n".join(_explain(problem, problem["loc"], where, root) for problem in error.errors())


def explain_in_file(error: ValidationError, files: list[Path]) -> str:
    """Word all problems with a suite, a line each, with file and line; ``files`` are those read, nearest first."""
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    # A list whose items are all wrong is reported as too short, too.
    told = [p for p in problems if p["type"] != "too_short" or not any(_within(x, p["loc"]) for x in places)]
    lines = []
    for problem in told:
        location, where = _find(problem["loc"], files)
        lines.append(_explain(problem, location, where, Suite))
    return "\n".join(dict.fromkeys(lines))


def _find(location: Location, files: list[Path]) -> tuple[Location, str]:
    """Return the location of a mistake in a file, under its entry or under ``defaults``, and that as ``file:line``."""
    best, (depth, file, line) = location, _line(location, files)
    if location[:1] == ("entries",) and len(location) > 2:
        common = ("defaults", *location[2:])
        in_common = _line(common, files)
        if in_common[0] > max(depth - 1, 1):  # an entry is two steps down, the defaults are one
            best, (depth, file, line) = common, in_common
    return best, f"{file}:{line}" if line else str(file)


def _explain(problem: Any, location: Location, where: str, root: type[BaseModel]) -> str:
    """Word one of pydantic's problems about a ``root``: where, key, what is wrong, what is allowed."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    given = problem.get("input")
    context = problem.get("ctx", {})
    if problem["type"] == "extra_forbidden":
        allowed = allowed_keys(location[:-1], root)
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


def allowed_keys(location: Location, root: type[BaseModel]) -> list[str]:
    """Return the keys allowed in the mapping at ``location`` of what is read as a ``root``."""
    model: Any = root
    if root is Suite and location[:1] == ("defaults",):
        model, location = Entry, location[1:]
    for part in location:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = next(_models(field.annotation), None) if field else None
    if model is None:
        return []
    names = [name for name, field in model.model_fields.items() if not field.exclude]
    first = {Suite: ("extends", "defaults"), Recipe: ("base",)}.get(model, ())
    return [*first, *names]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models inside an annotation such as ``tuple[Entry, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _line(location: Location, files: list[Path]) -> tuple[int, Path, int | None]:
    """Return the file that goes farthest towards ``location``: its number of steps, the file, and the line (from 1)."""
    found: list[tuple[int, Path, int | None]] = []
    for file in files:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=Loader)
        depth, line = 0, None
        for part in location:
            step = _child(node, part)
            if step is None:
                break
            line, node = step
            depth += 1
        found.append((depth, file, line))
    return max(found, key=lambda item: item[0])


def _child(node: Any, part: int | str) -> tuple[int, yaml.Node] | None:
    """Return the line and node of one step down, None where there is no such step."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
