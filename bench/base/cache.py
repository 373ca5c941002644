"""Where what can be made again is kept between runs: baselines, and the states of trainings."""

from __future__ import annotations

import os
from pathlib import Path

from .files import remove_with_leftovers


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/decompbench``, by default ``~/.cache/decompbench``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "decompbench")


def checkpoint_file(key: str) -> Path:
    """Return the file for the state of the training of a trial or baseline with that key."""
    return cache_folder() / "checkpoints" / f"{key}.pt"


def remove_checkpoint(key: str) -> None:
    """Forget the state of a training, and what was left of a writing that did not come to its end."""
    remove_with_leftovers(checkpoint_file(key))


def baseline_file(key: str) -> Path:
    """Return the file for the trained weights of the baseline with that key."""
    return cache_folder() / "baselines" / f"{key}.safetensors"
