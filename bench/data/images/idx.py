"""IDX files, the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/), gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> Tensor:
    """Read an IDX file of unsigned bytes.

    Raises
    ------
    DataError
        It is not such a file, or is cut short.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: the gzip stream is damaged: {error}") from error
    if len(content) < 4 or content[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise DataError(f"{path} is not an IDX file of unsigned bytes (it starts with {content[:4].hex(' ')!r}).")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    wanted = int(np.prod(shape, dtype=np.int64))
    if len(content) - start != wanted:
        raise DataError(f"{path} has {len(content) - start} bytes of data; its header {shape} needs {wanted}.")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy())


def read_idx_folder(folder: Path) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Read ``train-*`` and ``t10k-*`` images and labels from a folder.

    Returns
    -------
    train, test : tuple of Tensor
        Images ``(n, 1, h, w)`` uint8 and labels ``(n,)`` int64.

    Raises
    ------
    DataError
        The folder or a file is missing or damaged.
    """
    return _read_pair(folder, "train"), _read_pair(folder, "t10k")


def _read_pair(folder: Path, which: str) -> tuple[Tensor, Tensor]:
    images = read_idx(_find(folder, f"{which}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{which}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{folder}: {which} images {tuple(images.shape)} and labels {tuple(labels.shape)} do not belong "
            "together; (n, h, w) and (n,) are needed."
        )
    return images.unsqueeze(1), labels.long()


def _find(folder: Path, stem: str) -> Path:
    for name in (stem, f"{stem}.gz"):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no file {stem} or {stem}.gz.")
