"""Hooks made of functions, for tests that look at one or two of them."""

from __future__ import annotations

from typing import Any

from decompbench.bench.training.hooks import Hooks


class _MadeHooks(Hooks):
    pass


def hooks(**functions: Any) -> Hooks:
    """Return hooks that call these functions; the others do nothing."""
    made = _MadeHooks()
    vars(made).update(functions)
    return made
