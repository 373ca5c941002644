"""The loader of classification data by name."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError, DataOptionError
from ..places import folder_of
from ..registry import DataInfo, find_data, list_data
from ..types import ClassificationData, ImageFiles

TASK = "classification"


def load_classification(
    name: str, root: str | Path | None = None, *, image_size: int | None = None
) -> ClassificationData:
    """Load images with labels.

    Parameters
    ----------
    name : str
        One of ``list_data()``, such as ``cifar10``, ``cifar10:PATH`` or ``imagefolder:PATH``.
    root : str or Path, optional
        Folder that a relative PATH starts from, by default the current one; without a PATH the folder of all
        data sets, see ``places.data_folder``.
    image_size : int, optional
        For ``imagefolder``: scale and cut all images to squares of this many pixels.

    Raises
    ------
    UnknownDataError
        No such name; the message has the nearest.
    DataError
        The data is missing, damaged, too large or not what its name promises.
    """
    info = find_data(name, TASK)
    if image_size is not None and info.streamed == "never":
        foldered = ", ".join(other.pattern for other in list_data() if other.streamed != "never")
        raise DataOptionError(f"image_size is for {foldered}; the images of {name} have a size.")
    if info.streamed == "always":
        raise DataError(f"{name} does not fit in memory: scan_classification lists its files.")
    folder = folder_of(name, root)
    data: ClassificationData = info.load(name, folder, image_size)
    channels, *size = data.train_images.shape[1:]
    _check_outline(info, name, folder, (channels, tuple(size)), len(data.classes))
    return data


def scan_classification(name: str, root: str | Path | None = None) -> ImageFiles:
    """List images with labels that are read when they are needed.

    Parameters and errors are those of ``load_classification``; for data that may be streamed.
    """
    info = find_data(name, TASK)
    folder = folder_of(name, root)
    files: ImageFiles = info.scan(name, folder)
    _check_outline(info, name, folder, (3, None), len(files.classes))
    return files


def _check_outline(
    info: DataInfo, name: str, folder: Path, images: tuple[int, tuple[int, ...] | None], classes: int
) -> None:
    """Refuse data that is not what models were planned for."""
    promised = info.outline
    if promised is not None and (*images, classes) != (promised.channels, promised.size, promised.classes):
        raise DataError(
            f"{name}, from {folder}, has {_described(*images)} in {classes} classes; "
            f"{info.name} must have {_described(promised.channels, promised.size)} in {promised.classes}."
        )


def _described(channels: int, size: tuple[int, ...] | None) -> str:
    return "images" if size is None else "images of " + "x".join(map(str, (channels, *size)))
