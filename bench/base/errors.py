"""Errors that the user can put right: one clear message, no traceback needed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(ValueError):
    """Something the user can put right; the message says what was wrong and what would be right."""


class SuiteError(BenchError):
    """A suite file that cannot be used."""


class StoreError(BenchError):
    """A results folder that cannot be written or read."""


class RunLockedError(BenchError):
    """Another run already writes to the same folder."""


def suggestion(wrong: str, allowed: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for a near miss, else an empty string.

    Parameters
    ----------
    wrong
        What was written.
    allowed
        What may be written.
    """
    near = difflib.get_close_matches(wrong, list(allowed), n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(name) for name in near)}?)" if near else ""


def is_user_error(error: BaseException) -> bool:
    """Tell whether ``error`` is one of ours (a bad name, value or file) and not a fault in code.

    Every package of the project raises its own subclasses of these for bad input, so the class's module tells
    them from a ValueError that slipped out of a library.
    """
    expected = (ValueError, OSError, ImportError)
    return isinstance(error, expected) and type(error).__module__.startswith("decompbench.")
