"""CIFAR-10, CIFAR-100 (Krizhevsky 2009) and Fashion-MNIST (Xiao et al. 2017), as torchvision lays them out.

The files are looked for in a folder itself and where torchvision puts them below it, so that torchvision's
``root`` will do as well as the folder of the files. CIFAR's files are pickles: torchvision opens only those
that have the published MD5.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..images.idx import read_idx_folder
from ..places import find_folder
from ..registry import DataInfo, DataOutline, register_data
from ..types import ClassificationData
from .fashion_mnist import CLASSES, LICENCE, OUTLINE

#: By name of the data: torchvision's class and the megabytes it downloads.
SETS = {"cifar10": ("CIFAR10", 170), "cifar100": ("CIFAR100", 169), "fashion-mnist": ("FashionMNIST", 31)}


def load_cifar(name: str, folder: Path, image_size: None = None) -> ClassificationData:
    """All 50,000 + 10,000 images of CIFAR-10 or CIFAR-100, whose labels are the fine ones.

    Parameters
    ----------
    name : str
        ``cifar10`` or ``cifar100``, with or without a folder after a colon.
    folder : Path
        Folder of the files, or the one above it.

    Raises
    ------
    DataError
        The files are missing, or are not the published ones.
    """
    dataset = _dataset(name.partition(":")[0])
    below = dataset.base_folder
    found = find_folder(name, [folder / below, folder], dataset.train_list[0][0], how_to_get(name))
    if found.name != below:
        raise DataError(f"{found} must be called {below}, as torchvision has it.")
    train, test = (_complete(dataset, found.parent, train) for train in (True, False))
    return ClassificationData.create(name, _tensors(train), _tensors(test), train.classes)


def load_fashion_mnist(name: str, folder: Path, image_size: None = None) -> ClassificationData:
    """All 60,000 + 10,000 images, from IDX files that may be gzipped, as Debian's package has them.

    Parameters
    ----------
    name : str
        Name for the data.
    folder : Path
        Folder of the files, or the one torchvision was given.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    below = Path(SETS["fashion-mnist"][0], "raw")
    found = find_folder(name, [folder / below, folder], "train-images-idx3-ubyte*", how_to_get(name))
    train, test = read_idx_folder(found)
    return ClassificationData.create(name, train, test, CLASSES)


def how_to_get(name: str) -> str:
    """A sentence on how to get one of the sets."""
    kind = name.partition(":")[0]
    return f"'decompbench data fetch {kind}' downloads {SETS[kind][1]} MB with torchvision."


def fetch(kind: str, folder: Path) -> None:
    """Download one of the sets into a folder; nothing is done where it is there.

    Raises
    ------
    DataError
        It cannot be downloaded.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _dataset(kind)(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(f"torchvision could not download {kind} to {folder}: {error}") from error


def _dataset(kind: str) -> Any:
    """Return torchvision's class."""
    from torchvision import datasets

    return getattr(datasets, SETS[kind][0])


def _complete(dataset: Callable[..., Any], root: Path, train: bool) -> Any:
    try:
        return dataset(str(root), train=train)
    except RuntimeError as error:
        raise DataError(
            f"{root}: the files of {dataset.__name__} are incomplete or not the published ones: their MD5 differs."
        ) from error


def _tensors(part: Any) -> tuple[Tensor, Tensor]:
    """Images ``(n, 3, 32, 32)`` uint8 and labels ``(n,)`` int64."""
    return torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets)


register_data(
    DataInfo(
        "fashion-mnist",
        "classification",
        "60,000 + 10,000 grey images 28x28, 10 classes",
        f"torchvision, or a folder of IDX files; {LICENCE}",
        folder="optional",
        outline=OUTLINE,
        load=load_fashion_mnist,
        fetch=functools.partial(fetch, "fashion-mnist"),
    )
)
for _name, _classes in (("cifar10", 10), ("cifar100", 100)):
    register_data(
        DataInfo(
            _name,
            "classification",
            f"50,000 + 10,000 colour images 32x32, {_classes} classes",
            "torchvision",
            folder="optional",
            outline=DataOutline(3, (32, 32), _classes),
            load=load_cifar,
            fetch=functools.partial(fetch, _name),
        )
    )
