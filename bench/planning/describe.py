"""The description of a method for people: each setting with type, default and meaning, read from the class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ...methods import Method, get_method, list_methods
from ...methods.contract.registry import ENTRY_POINT_GROUP, entry_points

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_PLAIN_TYPES = {type(None): "null", float: "number", int: "whole number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Setting:
    """One setting of a method: name, type in words, default, meaning; and whether a budget moves it."""

    name: str
    type: str
    default: Any
    meaning: str
    is_knob: bool


def describe_settings(method: Method) -> list[Setting]:
    """Return the settings of a method in the order of its fields.

    The meaning comes from the docstring of the class that declares the field, or else of the nearest class that has
    a word on it.
    """
    hints = get_type_hints(type(method))
    knob = method.budget_knob()
    return [
        Setting(
            name=field.name,
            type=_in_words(hints[field.name]),
            default=method.settings()[field.name],
            meaning=_meaning(type(method), field.name),
            is_knob=knob is not None and knob.field == field.name,
        )
        for field in fields(method)
    ]


def describe_method(method: Method) -> dict[str, Any]:
    """Return all there is to say of a method, ready for JSON."""
    knob = method.budget_knob()
    return {
        "method": method.name,
        "kind": method.kind,
        "version": method.version,
        "paper": method.paper,
        "summary": method.summary(),
        "description": _without_markup(_sections(type(method)).get("", "").partition("\n")[2]),
        "expresses": list(method.expresses),
        "knob": knob and asdict(knob),
        "settings": [asdict(setting) for setting in describe_settings(method)],
    }


def describe_all() -> dict[str, Any]:
    """Return all methods by name, described, and ``skipped``: the names of plugins that cannot be imported."""
    described = {name: describe_method(get_method(name)) for name in list_methods()}
    plugins = {entry.name for entry in entry_points(ENTRY_POINT_GROUP)}
    return {"methods": described, "skipped": sorted(plugins - {*described})}


def _meaning(cls: type, field: str) -> str:
    declaring = [base for base in cls.__mro__ if field in inspect.get_annotations(base)]
    for base in [*declaring, *cls.__mro__]:
        meaning = _parameters(base).get(field)
        if meaning:
            return meaning
    return ""


def _parameters(cls: type) -> dict[str, str]:
    """Return what the section ``Parameters`` of a class's docstring says of each name."""
    return dict(_entries(_sections(cls).get("Parameters", "")))


def _entries(section: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each entry; names with a text in common stand before a colon or alone on a line."""
    for entry in re.split(r"\n(?=\S)", section.strip("\n")):
        names, _, text = entry.partition("\n")
        for name in names.partition(" : ")[0].split(","):
            yield name.strip(), _without_markup(text)


def _sections(cls: type) -> dict[str, str]:
    """Return the sections of a NumPy-style docstring by heading; what stands before the first is under ``""``."""
    start, *parts = _SECTION.split(inspect.cleandoc(cls.__dict__.get("__doc__") or ""))
    return {"": start} | dict(zip(parts[::2], parts[1::2], strict=True))


def _without_markup(text: str) -> str:
    return re.sub(r"``|`", "", " ".join(text.split()))


def _in_words(hint: Any) -> str:
    """Return a type hint as a user of YAML would call it."""
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_in_words, options))
    if origin is Literal:
        return " or ".join("null" if option is None else str(option) for option in options)
    if origin in (tuple, list):
        inner = [option for option in options if option is not Ellipsis]
        return f"[{', '.join(map(_in_words, inner))}{', ...' if Ellipsis in options else ''}]"
    return _PLAIN_TYPES.get(hint, getattr(hint, "__name__", str(hint)))
