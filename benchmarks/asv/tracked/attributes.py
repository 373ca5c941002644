"""Attributes of a benchmark that asv reads from its function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def described(**attributes: object) -> Callable[[F], F]:
    """Give a benchmark its ``unit``, ``pretty_name``, ``version``, ... as asv names them."""

    def attach(function: F) -> F:
        vars(function).update(attributes)
        return function

    return attach
