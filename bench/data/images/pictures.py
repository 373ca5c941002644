"""Pictures in files: the one loader of images for all tasks. 8 bits, grey or RGB, upright; errors name the file."""

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
from . import pixels
from .orientation import Stored, upright

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
"""Pillow's names of what may be in such a file, whatever its suffix; Pillow would hand others to other programs."""
FIRST_COUNTS = ("MPO",)
"""Formats of several images of which the first is the picture, the others are a camera's previews and maps."""


def find_pictures(folder: Path) -> list[Path]:
    """Return the image files right in a folder, sorted by name; hidden ones are none."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width of the upright picture, by the file's header alone.

    Raises
    ------
    DataError
        The file is no image.
    """
    return stored_picture(path).upright_size


def stored_picture(path: Path) -> Stored:
    """Return size and orientation in which a file has its picture; errors are those of `picture_size`."""
    with _opened(path) as image:
        return Stored.of(image, path)


def is_grey_picture(path: Path) -> bool:
    """Whether a file has no colour, by its header alone; errors are those of `picture_size`."""
    with _opened(path) as image:
        return pixels.is_grey(image)


def read_image(path: Path) -> Image.Image:
    """Decode a file to an upright image in Pillow's mode ``L`` where it has no colour, else in ``RGB``.

    Raises
    ------
    DataError
        The file is damaged; it has several images; or its pixels have no one reading, see `pixels.in_eight_bits`.
    """
    with _opened(path) as image:
        if getattr(image, "is_animated", False) and image.format not in FIRST_COUNTS:
            raise DataError(f"{path} has several images: save the one that counts.")
        image.load()
        try:
            return upright(pixels.in_eight_bits(image), image)
        except DataError as error:
            raise DataError(f"{path} {error}.") from error.__cause__


def read_picture(path: Path) -> Tensor:
    """Decode a file to ``(3, h, w)`` uint8; a grey picture is the same in all three channels.

    Errors are those of `read_image`.
    """
    image = np.array(read_image(path).convert("RGB"))
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def revision_of_files(files: Iterable[tuple[str, Path]]) -> str:
    """16 hex digits of a SHA-256 over names and contents."""
    names, paths = zip(*files, strict=True)
    return revision_of((), itertools.chain(names, reading_threads().map(_content_hash, paths)))


@functools.cache
def reading_threads() -> ThreadPoolExecutor:
    """Threads that decode and hash: either lets go of Python's lock."""
    return ThreadPoolExecutor(os.cpu_count())


def _content_hash(path: Path) -> str:
    with reading(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file it was that the system did not let us read in the block."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong until the end of the block is told with the file's name."""
    try:
        # given a name Pillow maps TIFFs into memory, and those that lie on a side come out wrong (13.0)
        with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            if not (image.width and image.height):
                raise ValueError(f"it is {image.width}x{image.height}")
            yield image
    except (DataError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        kinds = f"it is not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or has samples of a kind that is not read"
        raise DataError(f"{path} cannot be read as an image: {kinds}") from error
    except Exception as error:  # Pillow has no error of its own: damaged files raise a dozen kinds
        raise DataError(f"{path} cannot be read as an image: {error}") from error
