"""The type check of settings, by the type hints that a method's fields are declared with."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def require_types(name: str, settings: DataclassInstance) -> None:
    """Check every setting against its type hint: numbers, texts, True or False, None, and `Literal` words.

    Parameters
    ----------
    name
        The method's name, for the message.
    settings
        The method, whose fields they are. A field with another type hint may hold anything.

    Raises
    ------
    SettingError
        With the value, and what would be right.
    """
    hints = _hints(type(settings))
    for field in fields(settings):
        value, hint = getattr(settings, field.name), hints.get(field.name, Any)
        if not _fits(value, hint):
            raise SettingError(f"{name}: {field.name} is {_in_words(hint)}, got {value!r}")


@cache
def _hints(cls: type[DataclassInstance]) -> dict[str, Any]:
    """Return the type hints of the fields; none where one of them names what only a type checker imports."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Return whether ``value`` fits the type hint of a setting; a hint of another type than these fits any value."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, bool, type(None)):
        return isinstance(value, hint)
    return True


def _in_words(hint: Any) -> str:
    """Return a type hint as an error message names it."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_in_words(option) for option in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    return {type(None): "None", float: "a number", int: "a whole number", str: "a text", bool: "True or False"}.get(
        hint, getattr(hint, "__name__", str(hint))
    )
