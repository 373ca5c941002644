"""Settings of the wrong type, found by the type hints that a method's fields are declared with."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import SettingError

if TYPE_CHECKING:
    from .method import Method


def require_types(name: str, method: Method) -> None:
    """Check every setting of a method against its type hint: numbers, texts, True or False, None, and `Literal` words.

    Parameters
    ----------
    name
        The method's name, for the message.
    method
        With the settings to check. Hints of other types let anything through.

    Raises
    ------
    SettingError
        With the value, and what would be right.
    """
    hints = _hints(type(method))
    for field in fields(method):
        value, hint = getattr(method, field.name), hints.get(field.name, Any)
        if not _fits(value, hint):
            raise SettingError(f"{name}: {field.name} is {_in_words(hint)}, got {value!r}")


@cache
def _hints(cls: type[Method]) -> dict[str, Any]:
    """Return the type hints of a method's fields; none where one names something that is only there for checkers."""
    try:
        return get_type_hints(cls)
    except NameError:
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Return whether ``value`` is of the type a setting is declared with; types we do not know of are let through."""
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
