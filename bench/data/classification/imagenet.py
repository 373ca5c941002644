"""``imagenet``: ImageNet-1k (Russakovsky et al., IJCV 2015), whose files are read as they are needed."""

from __future__ import annotations

from pathlib import Path

from ..places import find_folder
from ..registry import DataInfo, DataOutline, register_data
from ..types import ImageFiles
from .imagefolder import scan_image_folder

NAME = "imagenet"
LAYOUT = "Register at image-net.org, and lay it out as train/<class>/*.JPEG and val/<class>/*.JPEG."


def scan(name: str, folder: Path) -> ImageFiles:
    """List the files in ``folder`` or its subfolder ``imagenet``; the test set there may be has no labels."""
    return scan_image_folder(name, find_folder(name, [folder / NAME, folder], "train", LAYOUT), ["val"])


register_data(
    DataInfo(
        NAME,
        "classification",
        "ImageNet-1k (ILSVRC 2012): 1,281,167 + 50,000 photographs, 1,000 classes, streamed",
        "image-net.org, for those who register",
        folder="optional",
        outline=DataOutline(3, None, 1000),
        streamed="always",
        scan=scan,
    )
)
