"""Data by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import suggestion
from . import torchvision_sets
from .places import data_folder
from .types import UnknownDataError


@dataclass(frozen=True)
class DataOutline:
    """What all images of a data set have in common, known without having it.

    Attributes
    ----------
    channels : int
        1 or 3.
    size : tuple of int, optional
        Height and width as a model gets them; None where an option of the task says.
    classes : int, optional
        How many labels there are, where there are any.
    """

    channels: int
    size: tuple[int, int] | None
    classes: int | None = None


@dataclass(frozen=True)
class DataInfo:
    """One line of ``list_data()``.

    Attributes
    ----------
    name : str
        The name, without a folder.
    task : str
        The task it is for.
    description : str
        Content and size.
    source : str
        Where it comes from, and its licence where that is known.
    folder : {"none", "optional", "required"}
        Whether a folder may follow the name, ``name:PATH``.
    outline : DataOutline, optional
        Where the name alone tells.
    streamed : {"never", "optional", "always"}
        Whether images may, or must, be read from files as they are needed. Where they may, the option
        ``image_size`` sets height and width.
    """

    name: str
    task: str
    description: str
    source: str
    folder: Literal["none", "optional", "required"] = "none"
    outline: DataOutline | None = None
    streamed: Literal["never", "optional", "always"] = "never"

    @property
    def pattern(self) -> str:
        """How the name is written: ``photographs``, ``cifar10[:PATH]``, ``imagefolder:PATH``."""
        return self.name + {"none": "", "optional": "[:PATH]", "required": ":PATH"}[self.folder]

    def to_json(self) -> dict[str, Any]:
        """What to list, as plain JSON values."""
        return {"name": self.pattern, "task": self.task, "description": self.description, "source": self.source}


_FASHION = "MIT licence, Zalando SE"
_DATA = {
    info.name: info
    for info in (
        DataInfo(
            "fashion-mnist-10k",
            "classification",
            "10,000 + 2,000 grey images 28x28, 10 classes",
            f"embedded; {_FASHION}",
            outline=DataOutline(1, (28, 28), 10),
        ),
        DataInfo(
            "fashion-mnist",
            "classification",
            "60,000 + 10,000 grey images 28x28, 10 classes",
            f"torchvision, or a folder of IDX files; {_FASHION}",
            folder="optional",
            outline=DataOutline(1, (28, 28), 10),
        ),
        DataInfo(
            "cifar10",
            "classification",
            "50,000 + 10,000 colour images 32x32, 10 classes",
            "torchvision",
            folder="optional",
            outline=DataOutline(3, (32, 32), 10),
        ),
        DataInfo(
            "cifar100",
            "classification",
            "50,000 + 10,000 colour images 32x32, 100 classes",
            "torchvision",
            folder="optional",
            outline=DataOutline(3, (32, 32), 100),
        ),
        DataInfo(
            "cifar10-jpeg",
            "classification",
            "CIFAR-10 as JPEG files: not CIFAR-10, as JPEG loses what a network sees",
            "yours: train/<class>/*.jpg, test/<class>/*.jpg",
            folder="optional",
            outline=DataOutline(3, (32, 32), 10),
        ),
        DataInfo(
            "imagefolder",
            "classification",
            "PATH/train and test (or val), or PATH, with class subfolders",
            "yours",
            folder="required",
            streamed="optional",
        ),
        DataInfo(
            "imagenet",
            "classification",
            "ImageNet-1k (ILSVRC 2012): 1,281,167 + 50,000 photographs, 1,000 classes, streamed",
            "image-net.org, for those who register",
            folder="optional",
            outline=DataOutline(3, None, 1000),
            streamed="always",
        ),
        DataInfo("photographs", "super_resolution", "7 + 2 colour photographs", "scikit-image's wheel"),
        DataInfo(
            "div2k",
            "super_resolution",
            "800 + 100 photographs of 2K",
            "yours: DIV2K_train_HR, DIV2K_valid_HR, with DIV2K_*_LR_bicubic/X2 or without",
            folder="optional",
        ),
        DataInfo(
            "sr",
            "super_resolution",
            "one set of images, such as Set5, to train or to test on: TRAIN -> TEST, TEST",
            "yours: PATH/X2/HR and LR, PATH/HR and LR, or images",
            folder="required",
        ),
        DataInfo("drawings", "detection", "120 + 40 drawings of rectangles, ellipses, triangles", "made when loaded"),
        DataInfo(
            "voc",
            "detection",
            "PASCAL VOC: trainval of 2007 and 2012 (16,551 photographs), test of 2007 (4,952), 20 classes",
            "yours: VOCdevkit/VOC2007 and VOC2012",
            folder="optional",
        ),
        DataInfo(
            "voc2007",
            "detection",
            "PASCAL VOC: trainval (5,011 photographs) and test of 2007 alone",
            "yours: VOCdevkit/VOC2007",
            folder="optional",
        ),
    )
}


def list_data() -> list[DataInfo]:
    """All data there is."""
    return list(_DATA.values())


def find_data(name: str, task: str) -> DataInfo:
    """What is known of data by its name, a folder after a colon or not.

    Parameters
    ----------
    name : str
        As in a suite, such as ``cifar10`` or ``imagefolder:PATH``.
    task : str
        The task it is to be for.

    Raises
    ------
    UnknownDataError
        No such name, which the nearest are told of; or it is for another task, lacks its folder or takes none.
    """
    kind, colon, path = name.partition(":")
    patterns = ", ".join(info.pattern for info in _DATA.values())
    if kind not in _DATA:
        raise UnknownDataError(f"No data is called '{kind}'{suggestion(kind, _DATA)}. There is {patterns}.")
    info = _DATA[kind]
    if info.task != task:
        fitting = ", ".join(other.pattern for other in _DATA.values() if other.task == task)
        raise UnknownDataError(f"'{name}' is data for {info.task}, not for {task}, for which there is {fitting}.")
    if colon and info.folder == "none":
        raise UnknownDataError(f"'{kind}' comes from no folder: leave ':{path}' out.")
    if (info.folder == "required" and not colon) or (colon and not path):
        raise UnknownDataError(f"'{name}' lacks its folder: '{kind}:PATH'.")
    return info


def fetch_data(name: str, root: str | Path | None = None) -> Path:
    """Download data into the folder of all data sets; return that folder.

    Raises
    ------
    UnknownDataError
        No such name.
    DataError
        There is no download of it, or it failed.
    """
    if name not in torchvision_sets.SETS:
        known = ", ".join(torchvision_sets.SETS)
        hint = suggestion(name, torchvision_sets.SETS)
        raise UnknownDataError(f"'{name}' cannot be downloaded{hint}; {known} can.")
    folder = data_folder(root)
    torchvision_sets.fetch(name, folder)
    return folder
