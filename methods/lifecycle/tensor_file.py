"""Safetensors files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from ...common.files import replacing


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside ``path``, then move it there: a crash leaves the old file whole.

    When this returns the new one is on the disk: it outlives a power cut.

    Parameters
    ----------
    tensors
        By name; contiguous, on the CPU, none sharing memory with another.
    path
        The file; who may read it is as for any other new file (safetensors alone lets only its owner).
    metadata
        Texts to be kept with the tensors.

    Raises
    ------
    OSError, safetensors.SafetensorError
        The file cannot be written.
    """
    with replacing(path) as part:
        part.touch()
        mode = part.stat().st_mode
        save_file(dict(tensors), part, dict(metadata))
        part.chmod(mode)
