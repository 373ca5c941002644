"""Errors that the user can put right: one clear message, no traceback needed."""

from __future__ import annotations


class BenchError(ValueError):
    """Something the user can put right; the message says what was wrong and what would be right."""


class SuiteError(BenchError):
    """A suite file that cannot be used."""


class StoreError(BenchError):
    """A results folder that cannot be written or read."""


class RunLockedError(BenchError):
    """Another run already writes to the same folder."""


def is_user_error(error: BaseException) -> bool:
    """Tell whether ``error`` is one of ours (a bad name, value or file) and not a fault in code.

    Every package of the project raises its own subclasses of these for bad input, so the class's module tells
    them from a ValueError that slipped out of a library.
    """
    expected = (ValueError, OSError, ImportError)
    return isinstance(error, expected) and type(error).__module__.startswith("decompbench.")
