"""Names that a package imports when they are first asked for (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``.

    The names stand in the package's ``__all__``, too, and in its imports for type checkers; a test holds that the three
    agree.

    Parameters
    ----------
    package
        Its ``__name__``.
    homes
        By module, relative to the package (``".suite.load"``), the names that come from it.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def get_name(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home_of[name], package), name)
        setattr(sys.modules[package], name, value)  # the next time it is found without this function
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return get_name, list_names
