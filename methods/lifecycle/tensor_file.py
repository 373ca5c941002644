"""The tensor file: tensors on the disk, written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from ...common.files import replacing


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside ``path``, then move it there: a crash leaves the old file whole.

    On return the new file is on the disk: it outlives a power cut.

    Parameters
    ----------
    tensors
        By name; contiguous, on the CPU, and without shared memory.
    path
        The file. It gets the permissions of any new file; safetensors alone would let only the owner read it.
    metadata
        Texts stored with the tensors.

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
