"""``imagefolder``: a folder of images with one subfolder per class, decoded into memory or listed only."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from ..errors import DataOptionError
from ..images.decoded import decoded
from ..images.folders import HELD_OUT, LabelledFiles, scan_folder
from ..images.pictures import is_grey_picture, read_image, reading
from ..registry import DataInfo, register_data
from ..types import ClassificationData, ImageFiles

MEMORY_SHARE = 0.8
"""Part of the free memory that decoded images may take."""


def load_image_folder(name: str, folder: Path, image_size: int | None = None) -> ClassificationData:
    """Decode a folder of class subfolders, or read what was decoded before.

    Parameters
    ----------
    name : str
        Name for the data.
    folder : Path
        See ``folders`` for the two layouts.
    image_size : int, optional
        Scale the shorter side to this many pixels and cut the centre square. Without it all images must have
        one size.

    Returns
    -------
    ClassificationData
        One channel where every file is grey, else three (RGB). Classes in the order of their names.

    Raises
    ------
    DataError
        The folder is not laid out as described, an image cannot be read, sizes differ, or the decoded images
        would not fit in memory (the message says the size).
    """
    train, test, classes = scan_folder(folder)
    names = train.names + test.names
    images = decoded(folder, names, image_size, lambda: _decode([folder / one for one in names], folder, image_size))
    labels = torch.tensor(train.labels + test.labels)
    cut = len(train.names)
    return ClassificationData.create(name, (images[:cut], labels[:cut]), (images[cut:], labels[cut:]), classes)


def scan_image_folder(name: str, folder: Path, held_out: Sequence[str] = HELD_OUT) -> ImageFiles:
    """List a folder of class subfolders whose images are read when they are needed.

    ``held_out`` are the folders that may have the test set; all else as above.
    """
    train, test, classes = scan_folder(folder, held_out)
    return ImageFiles.create(name, folder, _listed(folder, train), _listed(folder, test), classes)


def _listed(folder: Path, files: LabelledFiles) -> tuple[np.ndarray, Tensor, Tensor]:
    """Names as bytes, sizes and labels."""
    sizes = [_size(folder / name) for name in files.names]
    return np.array([os.fsencode(name) for name in files.names]), torch.tensor(sizes), torch.tensor(files.labels)


def _size(path: Path) -> int:
    with reading(path):
        return path.stat().st_size


def _decode(paths: Sequence[Path], folder: Path, image_size: int | None) -> Tensor:
    """``(n, c, h, w)`` uint8; images are decoded in threads, as Pillow lets go of Python's lock meanwhile."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        channels = 1 if all(pool.map(is_grey_picture, paths)) else 3
    first = _read(paths[0], image_size)
    images = (len(paths), channels, *first.shape[:2])
    size = math.prod(images)
    free = psutil.virtual_memory().available
    if size > MEMORY_SHARE * free:
        raise DataOptionError(
            f"{folder}: {len(paths):,} images of {first.shape[1]}x{first.shape[0]} take {size / 1e9:.1f} GB "
            f"decoded; {free / 1e9:.1f} GB are free. Use fewer or smaller images, {{image_size: 64}}, or stream them, "
            "{stream: {}}."
        )
    pixels = np.empty(images, dtype=np.uint8)

    def put(position: int) -> None:
        image = _read(paths[position], image_size)
        if image.shape[:2] != first.shape[:2]:
            raise DataOptionError(
                f"{folder}: images differ in size: {paths[0].name} is "
                f"{first.shape[1]}x{first.shape[0]}, {paths[position].name} {image.shape[1]}x{image.shape[0]}. "
                "The option image_size scales and cuts all to one square: {image_size: 64}."
            )
        # a grey image among coloured ones is the same in all three channels
        pixels[position] = image if image.ndim == 2 else image.transpose(2, 0, 1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(put, range(len(paths))):
            pass
    return torch.from_numpy(pixels)


def _read(path: Path, image_size: int | None) -> np.ndarray:
    """``(h, w)`` for a grey file, ``(h, w, 3)`` for any other."""
    image = read_image(path)
    return np.asarray(image if image_size is None else _resize(image, image_size))


def _resize(image: Image.Image, size: int) -> Image.Image:
    ratio = size / min(image.size)
    width, height = (max(size, round(side * ratio)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    return scaled.crop((left, top, left + size, top + size))


register_data(
    DataInfo(
        "imagefolder",
        "classification",
        "PATH/train and test (or val), or PATH, with class subfolders",
        "yours",
        folder="required",
        streamed="optional",
        load=load_image_folder,
        scan=scan_image_folder,
    )
)
