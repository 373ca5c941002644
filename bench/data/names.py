"""Composed names of data: ``TRAIN -> TEST, TEST`` trains on one set and tests on others.

Each part is a name of ``decompbench data``, with a folder after a colon where it has one.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..base.errors import BenchError

ARROW, COMMA = " -> ", ", "
#: Folders that are part of a layout and no name of a set.
LAYOUT_NAMES = re.compile(r"HR|X\d", re.IGNORECASE)


def split_data(name: str) -> tuple[str, tuple[str, ...]]:
    """Take a name apart.

    Parameters
    ----------
    name : str
        ``div2k:DIV2K -> sr:Set5, sr:Set14``, or one part alone.

    Returns
    -------
    str
        The part to train on.
    tuple of str
        The parts to test on; none where the first brings its own test set.

    Raises
    ------
    BenchError
        A part is missing, or there are two arrows.
    """
    train, *rest = name.split(ARROW)
    tests = tuple(part.strip() for part in rest[0].split(COMMA)) if rest else ()
    if len(rest) > 1 or not train.strip() or not all(tests):
        raise BenchError(f"data '{name}': must be one name, or like 'div2k:DIV2K -> sr:Set5, sr:Set14'")
    return train.strip(), tests


def relocate_data(name: str, folder: str | Path) -> str:
    """Return a name with its folders taken from ``folder``, as absolute paths."""
    train, tests = split_data(name)
    parts = [_relocate(part, folder) for part in (train, *tests)]
    return parts[0] + (ARROW + COMMA.join(parts[1:]) if tests else "")


def _relocate(part: str, folder: str | Path) -> str:
    kind, _, path = part.partition(":")
    return f"{kind}:{Path(folder, Path(path).expanduser()).resolve()}" if path else part


def set_name(folder: Path) -> str:
    """Return the name of a set: its folder's, or that of the folder around ``X2/HR``."""
    for name in (folder.name, *(parent.name for parent in folder.parents)):
        if not LAYOUT_NAMES.fullmatch(name):
            return name
    return str(folder)
