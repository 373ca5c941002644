"""The class of a replacement: one that is equal to a convolution is an instance of the convolution's class."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import nn


def answer_as(new: nn.Module, kind: type[nn.Module]) -> None:
    """Make ``new`` an instance of ``kind``, too: its class is replaced by one that derives from both.

    A class, since compilers go by the type: to them a property ``__class__`` says nothing, and what they compile would
    compute something else than the model does.
    """
    if not isinstance(new, kind):
        new.__class__ = _both(type(new), kind)


@cache
def _both(own: type[nn.Module], kind: type[nn.Module]) -> type[nn.Module]:
    """Return a class of the name of ``own``, whose methods come first, that derives from ``kind`` as well."""

    def reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
        # no module has the class, so pickle could not find it
        return _blank, (own, kind), self.__getstate__()

    def absent(self: nn.Module) -> None:
        raise AttributeError(f"a {own.__name__} cannot draw its weight anew")

    metaclass: Any = type(own)
    return metaclass(
        own.__name__,
        (own, kind),
        {
            "__module__": own.__module__,
            "__qualname__": own.__qualname__,
            "__doc__": own.__doc__,
            "__reduce_ex__": reduce,
            "reset_parameters": property(absent),
        },
    )


def _blank(own: type[nn.Module], kind: type[nn.Module]) -> nn.Module:
    """Return an instance without state, for pickle and copy to fill."""
    return object.__new__(_both(own, kind))
