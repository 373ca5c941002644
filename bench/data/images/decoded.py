"""The cache of decoded images: decoding 60,000 JPEG files takes far longer than reading their pixels."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import PIL
import safetensors
from torch import Tensor

from ....methods.lifecycle.tensor_file import write_tensors
from ...base.cache import cache_folder
from .pictures import reading

_VERSION = 2
"""Raised when what is decoded changes."""


def decoded(folder: Path, names: Sequence[str], image_size: int | None, decode: Callable[[], Tensor]) -> Tensor:
    """Images as they were decoded before, or else as ``decode`` gives them, which is then kept.

    What was kept counts only while every file has the size and the times (mtime, and ctime, which nobody can
    set back) that it had then, and Pillow its version. A folder has one file for each image size.

    Parameters
    ----------
    folder : Path
        Of the data set.
    names : sequence of str
        Of the files, from the folder on.
    image_size : int, optional
        What images are scaled to.
    decode : callable
        Gives ``(n, c, h, w)`` uint8.
    """
    place = _digest(f"{folder.resolve()}\0{image_size}")
    kept = cache_folder() / "decoded" / f"{place}.safetensors"
    fingerprint = _fingerprint(folder, names)
    with contextlib.suppress(OSError, safetensors.SafetensorError), safetensors.safe_open(kept, "pt") as file:
        if (file.metadata() or {}).get("fingerprint") == fingerprint:
            return file.get_tensor("images")
    images = decode()
    with contextlib.suppress(OSError, safetensors.SafetensorError):  # without a cache it works, too
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_tensors({"images": images}, kept, {"fingerprint": fingerprint})
    return images


def _fingerprint(folder: Path, names: Sequence[str]) -> str:
    lines = [f"{_VERSION} {PIL.__version__}"]
    for name in names:
        with reading(folder / name):
            status = os.stat(folder / name)
        lines.append(f"{name}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}")
    return _digest("\n".join(lines))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]
