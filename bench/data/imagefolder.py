"""Any folder of images with one subfolder per class, decoded once into memory.

Two layouts: ``FOLDER/train/<class>/*`` with ``FOLDER/test/<class>/*`` (or ``val``), and ``FOLDER/<class>/*``,
of which every class gives a fifth of its files to the test set: those whose SHA-256 of ``<class>/<file
name>`` is lowest, so the split depends on nothing but the names.
"""

from __future__ import annotations

import hashlib
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

from ..errors import suggestion
from .pictures import SUFFIXES, opened
from .types import ClassificationData, DataError

GREY = ("1", "L")
"""Modes of Pillow's without colour."""
TEST_SHARE = 0.2
MEMORY_SHARE = 0.8
"""Part of the free memory that decoded images may take."""

Files = dict[str, list[Path]]


def load_image_folder(name: str, folder: Path, image_size: int | None = None) -> ClassificationData:
    """Decode a folder of class subfolders.

    Parameters
    ----------
    name : str
        Name for the data.
    folder : Path
        See the module's docstring for the two layouts.
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
    train, test = _find_files(folder)
    classes = sorted(train)
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DataError(
            f"{folder}: the test set has the class {unknown[0]!r}, the training set does not"
            f"{suggestion(unknown[0], classes)}."
        )
    train_files = [(path, classes.index(label)) for label in classes for path in train[label]]
    test_files = [(path, classes.index(label)) for label in classes for path in test.get(label, [])]
    images = _decode([path for path, _ in train_files + test_files], folder, image_size)
    labels = torch.tensor([label for _, label in train_files + test_files])
    cut = len(train_files)
    return ClassificationData.create(name, (images[:cut], labels[:cut]), (images[cut:], labels[cut:]), classes)


def _find_files(folder: Path) -> tuple[Files, Files]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    if not (folder / "train").is_dir():
        return _split(_class_files(folder))
    for held_out in ("test", "val"):
        if (folder / held_out).is_dir():
            return _class_files(folder / "train"), _class_files(folder / held_out)
    raise DataError(f"{folder} has train/ but neither test/ nor val/ beside it.")


def _class_files(folder: Path) -> Files:
    classes: Files = {}
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        classes[subfolder.name] = sorted(
            path for path in subfolder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."
        )
        if not classes[subfolder.name]:
            raise DataError(f"{subfolder} holds no image ({', '.join(sorted(SUFFIXES))}).")
    if not classes:
        raise DataError(f"{folder} has no subfolders; one per class is needed, each holding its images.")
    return classes


def _split(files: Files) -> tuple[Files, Files]:
    train: Files = {}
    test: Files = {}
    for label, paths in files.items():
        if len(paths) < 2:
            raise DataError(f"Class {label!r} has one image only; two at least are needed to split off a test set.")
        ranked = sorted(paths, key=lambda path: hashlib.sha256(f"{label}/{path.name}".encode()).digest())
        held_out = set(ranked[: max(1, round(TEST_SHARE * len(paths)))])
        train[label] = [path for path in paths if path not in held_out]
        test[label] = [path for path in paths if path in held_out]
    return train, test


def _decode(paths: Sequence[Path], folder: Path, image_size: int | None) -> Tensor:
    """``(n, c, h, w)`` uint8; images are decoded in threads, as Pillow lets go of Python's lock meanwhile."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        channels = 1 if all(pool.map(_is_grey, paths)) else 3
    first = _read(paths[0], image_size)
    images = (len(paths), channels, *first.shape[:2])
    size = math.prod(images)
    free = psutil.virtual_memory().available
    if size > MEMORY_SHARE * free:
        raise DataError(
            f"{folder}: {len(paths):,} images of {first.shape[1]}x{first.shape[0]} take {size / 1e9:.1f} GB "
            f"decoded; {free / 1e9:.1f} GB are free. Use fewer or smaller images (image_size=)."
        )
    decoded = np.empty(images, dtype=np.uint8)

    def put(position: int) -> None:
        image = _read(paths[position], image_size)
        if image.shape[:2] != first.shape[:2]:
            raise DataError(
                f"{folder}: images differ in size: {paths[0].name} is "
                f"{first.shape[1]}x{first.shape[0]}, {paths[position].name} {image.shape[1]}x{image.shape[0]}. "
                "Pass image_size= to scale and cut all to one square."
            )
        # a grey image among coloured ones is the same in all three channels
        decoded[position] = image if image.ndim == 2 else image.transpose(2, 0, 1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(put, range(len(paths))):
            pass
    return torch.from_numpy(decoded)


def _is_grey(path: Path) -> bool:
    """Whether a file has no colour, by its header alone."""
    with opened(path) as image:
        return image.mode in GREY


def _read(path: Path, image_size: int | None) -> np.ndarray:
    """``(h, w)`` for a grey file, ``(h, w, 3)`` for any other."""
    with opened(path) as image:
        image = image.convert("L" if image.mode in GREY else "RGB")
        if image_size is not None:
            image = _resize(image, image_size)
        return np.asarray(image)


def _resize(image: Image.Image, size: int) -> Image.Image:
    ratio = size / min(image.size)
    width, height = (max(size, round(side * ratio)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    return scaled.crop((left, top, left + size, top + size))
