"""Data by name."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import suggestion
from .fashion_mnist import load_embedded, load_full
from .imagefolder import load_image_folder
from .types import ClassificationData, DataError, UnknownDataError


@dataclass(frozen=True)
class DataInfo:
    """One line of ``list_data()``.

    Attributes
    ----------
    name : str
        The name, with ``PATH`` where a folder is to be given.
    task : str
        The task it is for.
    description : str
        Content and size.
    source : str
        Where it comes from, and its licence where that is known.
    """

    name: str
    task: str
    description: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


_FASHION = "MIT licence, Zalando SE"
_DATA = (
    DataInfo(
        "fashion-mnist-10k",
        "classification",
        "10,000 + 2,000 grey images 28x28, 10 classes",
        f"embedded; {_FASHION}",
    ),
    DataInfo(
        "fashion-mnist",
        "classification",
        "60,000 + 10,000 grey images 28x28, 10 classes",
        f"torchvision; {_FASHION}",
    ),
    DataInfo("fashion-mnist:PATH", "classification", "the same from a folder of IDX files", _FASHION),
    DataInfo(
        "imagefolder:PATH",
        "classification",
        "PATH/train and test (or val), or PATH, with class subfolders",
        "yours",
    ),
    DataInfo("photographs", "super_resolution", "7 + 2 colour photographs", "scikit-image's wheel"),
    DataInfo("sr:PATH", "super_resolution", "", "yours"),
    DataInfo("div2k:PATH", "super_resolution", "", "yours"),
    DataInfo("drawings", "detection", "", "drawn"),
    DataInfo("voc:PATH", "detection", "", "yours"),
    DataInfo("voc2007:PATH", "detection", "", "yours"),
)


def list_data() -> list[DataInfo]:
    """All data there is, by name or pattern of names."""
    return list(_DATA)


def load_classification(
    name: str, root: str | Path | None = None, *, image_size: int | None = None
) -> ClassificationData:
    """Load images with labels.

    Parameters
    ----------
    name : str
        ``fashion-mnist-10k``, ``fashion-mnist``, ``fashion-mnist:PATH`` or ``imagefolder:PATH``.
    root : str or Path, optional
        Folder that a relative PATH starts from, by default the current one; for ``fashion-mnist`` the folder
        torchvision downloads to, by default ``$XDG_CACHE_HOME/decompbench`` or ``~/.cache/decompbench``.
    image_size : int, optional
        For ``imagefolder``: scale and cut all images to squares of this many pixels.

    Raises
    ------
    UnknownDataError
        No such name; the message has the nearest.
    DataError
        The data is missing, damaged or too large.
    """
    kind, colon, path = _split(name, "classification")
    if image_size is not None and kind != "imagefolder":
        raise DataError(f"image_size is for imagefolder:PATH; the images of {name} have a size.")
    folder = Path(root or "", path).expanduser() if colon else None
    if kind == "fashion-mnist-10k":
        return load_embedded(name)
    if kind == "fashion-mnist":
        return load_full(name, folder, Path(root) if root else _cache())
    assert folder is not None  # `_split` lets imagefolder pass with a path only
    return load_image_folder(name, folder, image_size)


def find_data(name: str, task: str) -> None:
    _split(name, task)


def _split(name: str, task: str) -> tuple[str, str, str]:
    """Take a name apart at its colon, having checked it."""
    kind, colon, path = name.partition(":")
    pattern = f"{kind}:PATH" if colon else name
    known = {info.name: info.task for info in _DATA}
    if pattern not in known:
        if f"{pattern}:PATH" in known:
            raise UnknownDataError(f"'{name}' needs a folder: '{name}:PATH'.")
        hint = suggestion(pattern, known)
        raise UnknownDataError(f"No data is called '{name}'{hint}. There is {', '.join(known)}.")
    if known[pattern] != task:
        fitting = ", ".join(other for other, its_task in known.items() if its_task == task)
        raise UnknownDataError(f"'{name}' is data for {known[pattern]}, not for {task}, for which there is {fitting}.")
    if colon and not path:
        raise UnknownDataError(f"'{name}' lacks the folder after the colon.")
    return kind, colon, path


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "decompbench")
