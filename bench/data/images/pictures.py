"""Pictures in files: 8 bits, as RGB, with errors that name the file."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ..errors import DataError
from ..types import revision_of

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
OPAQUE_MODES = ("1", "L", "P", "RGB")
"""Pillow's modes of 8 bits or fewer without transparency."""
ALPHA_MODES = ("LA", "PA", "RGBA")


def find_pictures(folder: Path) -> list[Path]:
    """Return the image files right in a folder, sorted by name; hidden ones are none."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width, by the file's header alone.

    Raises
    ------
    DataError
        The file is no image.
    """
    with opened(path) as image:
        return image.height, image.width


def read_picture(path: Path) -> Tensor:
    """Decode a file.

    Returns
    -------
    Tensor
        ``(3, h, w)`` uint8; a grey picture is the same in all three channels.

    Raises
    ------
    DataError
        The file is damaged, has more than 8 bits a channel, or is transparent somewhere: what would shine through
        is not known. An alpha channel that is opaque everywhere is left out.
    """
    with opened(path) as image:
        if image.mode in ALPHA_MODES or "transparency" in image.info:
            image = image.convert("RGBA")
            least, _ = image.getchannel("A").getextrema()
            if least != 255:
                raise DataError(f"{path} is transparent in places; images must be opaque.")
        elif image.mode not in OPAQUE_MODES:
            raise DataError(f"{path} has Pillow's mode {image.mode}; images must be grey or RGB of 8 bits a channel.")
        pixels = np.asarray(image.convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous()


def revision_of_files(files: Iterable[tuple[str, Path]]) -> str:
    """16 hex digits of a SHA-256 over names and contents."""
    names, paths = zip(*files, strict=True)
    return revision_of((), itertools.chain(names, reading_threads().map(_content_hash, paths)))


@functools.cache
def reading_threads() -> ThreadPoolExecutor:
    """Threads that decode and hash: either lets go of Python's lock."""
    return ThreadPoolExecutor(os.cpu_count())


def _content_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong until the end of the block is told with the file's name."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
