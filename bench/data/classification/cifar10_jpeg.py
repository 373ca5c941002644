"""``cifar10-jpeg``: CIFAR-10 as JPEG files. It is a data set of its own: a network sees what JPEG loses."""

from __future__ import annotations

from pathlib import Path

from ..places import find_folder
from ..registry import DataInfo, DataOutline, register_data
from ..types import ClassificationData
from .imagefolder import load_image_folder

NAME = "cifar10-jpeg"
LAYOUT = "Lay the files out as train/<class>/*.jpg and test/<class>/*.jpg."


def load(name: str, folder: Path, image_size: None = None) -> ClassificationData:
    """All images, from ``folder`` or its subfolder ``cifar10-jpeg``; they have one size."""
    return load_image_folder(name, find_folder(name, [folder / NAME, folder], "train", LAYOUT))


register_data(
    DataInfo(
        NAME,
        "classification",
        "CIFAR-10 as JPEG files: not CIFAR-10, as JPEG loses what a network sees",
        "yours: train/<class>/*.jpg, test/<class>/*.jpg",
        folder="optional",
        outline=DataOutline(3, (32, 32), 10),
        load=load,
    )
)
