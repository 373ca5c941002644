"""Kept models: a trial's finished model as a file, found again by the key of its record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import BenchError

if TYPE_CHECKING:
    from torch import nn

#: Letters of a trial's name that its file's name has at most: file systems allow 255 in all.
MOST_LETTERS = 120


def model_file(folder: Path, name: str, key: str) -> Path:
    """Return the file of a trial's finished model: its name in letters that every file system has, then its key."""
    words = re.sub(r"[^A-Za-z0-9=%.+-]+", "_", name)[:MOST_LETTERS]
    return folder / f"{words}--{key}.safetensors"


def keep_model(model: nn.Module, file: Path) -> str:
    """Write a finished model; return what to tell, which is why not where it cannot be loaded again."""
    from ...methods import StorageError, save

    try:
        save(model, file)
    except StorageError as error:
        return f"its model is not kept: {error}"
    return f"its model is kept in {file}"


def load_kept(folder: Path, key: str, sha256: str | None) -> nn.Module | None:
    """Return the finished model of a record, in eval mode; None if the folder has none.

    Parameters
    ----------
    folder
        Where it was kept.
    key, sha256
        The record's key, and the hash that it has of the model's state.

    Raises
    ------
    BenchError
        The file cannot be used, or holds another model than the record is of.
    """
    from ...methods import StorageError, load
    from ..measure.counts import state_sha256

    file = next(iter(sorted(folder.glob(f"*--{key}.safetensors"))), None)
    if file is None:
        return None
    try:
        model = load(file)
    except StorageError as error:
        raise BenchError(str(error)) from None
    if sha256 is not None and state_sha256(model) != sha256:
        raise BenchError(
            f"{file} holds another model than its record is of: 'run --redo all --keep-models {folder}' makes both anew"
        )
    return model
