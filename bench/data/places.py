"""The folders that data lies in, and the error for data that is not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..base.cache import cache_folder
from .errors import DataError

VARIABLE = "DECOMPBENCH_DATA"


def data_folder(root: str | Path | None = None) -> Path:
    """Folder of all data sets: ``root``, else ``$DECOMPBENCH_DATA``, else ``data`` in the cache folder."""
    chosen = root or os.environ.get(VARIABLE) or cache_folder() / "data"
    return Path(chosen).expanduser()


def folder_of(name: str, root: str | Path | None = None) -> Path:
    """Folder that a data's name is about: its own, from ``root`` where it is relative, or that of all data sets."""
    _, colon, path = name.partition(":")
    return Path(root or "", Path(path).expanduser()) if colon else data_folder(root)


def find_folder(name: str, folders: Sequence[Path], file: str, how: str) -> Path:
    """The first of some folders that has a file, or a folder, of that name.

    Parameters
    ----------
    name : str
        Of the data, for the message.
    folders : sequence of Path
        Where to look.
    file : str
        What to look for; may be a glob pattern.
    how : str
        How the data can be had: a sentence.

    Raises
    ------
    DataError
        None of them has it.
    """
    for folder in folders:
        if next(folder.glob(file), None) is not None:
            return folder
    looked = " and in ".join(map(str, folders))
    kind = name.partition(":")[0]
    raise DataError(
        f"{name} is not on this machine: looked for {file} in {looked}. {how} "
        f"If it lies elsewhere, name its folder, '{kind}:FOLDER', or the folder of all data sets, {VARIABLE}=FOLDER."
    )
