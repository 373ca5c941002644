"""The cache folder: baselines and the states of trainings, which can be made again, kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from ...common.files import unfinished


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


def remove_with_leftovers(path: Path) -> None:
    """Remove a file, and what processes left that were ended while they wrote it; one that still writes goes on."""
    path.unlink(missing_ok=True)
    for part, writer in unfinished(path):
        if writer == os.getpid() or not psutil.pid_exists(writer):
            part.unlink(missing_ok=True)
