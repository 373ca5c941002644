"""Hints for a name that is not known: which known names are nearest, and how a message says so.

What is near is decided in one place, and so are the words: ``'a', 'b' or 'c'``.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 3
"""Names that a hint gives at most."""
LEAST_SIMILARITY = 0.6
"""difflib's ratio from which on a name is near: 1 for equal names, 0 for names without a letter in common."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are near to ``name``, the nearest first, `MOST` at the most."""
    return get_close_matches(name, list(known), n=MOST, cutoff=LEAST_SIMILARITY)


def either(names: Iterable[object]) -> str:
    """Return ``'a'``, ``'a' or 'b'``, ``'a', 'b' or 'c'``."""
    *most, last = map(repr, names)
    return f"{', '.join(most)} or {last}" if most else last


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)``, to stand right behind the wrong name; nothing where no known name is near."""
    near = nearest(name, known)
    return f" (did you mean {either(near)}?)" if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?``, to stand behind a colon, or ``known: a, b, c`` where no known name is near."""
    known = sorted(known)
    near = nearest(name, known)
    return f"did you mean {either(near)}?" if near else f"known: {', '.join(known)}"
