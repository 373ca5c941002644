"""PASCAL VOC (Everingham et al., IJCV 2010): 20 classes of objects in photographs, in the layout it is handed out in.

``VOCdevkit/VOC2007`` and ``VOC2012``, each with ``Annotations``, ``ImageSets/Main`` and ``JPEGImages``.

Boxes are those of the image as its file stores it, whatever EXIF says; they are turned with the image. Annotations of
one's own may have been drawn in the upright image: they are known by the size that they give.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from torch import Tensor

from ....common.names import suggestion
from ..errors import DataError
from ..images.orientation import Stored
from ..images.pictures import read_picture, reading_threads, revision_of_files, stored_picture
from ..places import find_folder
from ..registry import DataInfo, DataOutline, register_data
from .scenes import DetectionData, Scene

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
LAYOUT = (
    "Unpack its archives, which hold VOCdevkit/VOC2007 and VOCdevkit/VOC2012, each with Annotations, ImageSets/Main "
    "and JPEGImages."
)


def load_voc(name: str, folder: Path, years: Sequence[int]) -> DetectionData:
    """Find the images of VOC: ``trainval`` of the years to train on, ``test`` of 2007 to test on.

    Parameters
    ----------
    name : str
        Name for the data.
    folder : Path
        The folder that holds ``VOC2007`` and ``VOC2012``, or ``VOCdevkit`` with these.
    years : sequence of int
        2007 and 2012, the papers' ``07+12``, or one of them.

    Raises
    ------
    DataError
        A list, an image's or an annotation's file is missing or damaged, a class is none of VOC's, or an image that
        EXIF turns is not of the size that its annotation gives.
    """
    devkit = find_folder(name, [folder / "VOCdevkit", folder], "VOC2007", LAYOUT)
    train = [path for year in years for path in _annotations(devkit / f"VOC{year}", "trainval")]
    test = _annotations(devkit / "VOC2007", "test")
    files = [(f"{path.parts[-3]}/{file.name}", file) for path in (*train, *test) for file in (path, _image_of(path))]
    scenes = list(reading_threads().map(_scene, (*train, *test)))
    cut = len(train)
    return DetectionData(name, revision_of_files(files), tuple(scenes[:cut]), tuple(scenes[cut:]), CLASSES)


def _annotations(year: Path, image_set: str) -> list[Path]:
    """Return the annotation files of an image set, in its order."""
    listing = year / "ImageSets" / "Main" / f"{image_set}.txt"
    if not listing.is_file():
        raise DataError(
            f"{year.parent} is not laid out like VOC's development kit with {year.name}: it has no "
            f"{listing.relative_to(year.parent)}."
        )
    lines = listing.read_text(encoding="utf-8").splitlines()
    paths = [year / "Annotations" / f"{line.split()[0]}.xml" for line in lines if line]
    for file in (file for path in paths for file in (path, _image_of(path))):
        if not file.is_file():
            raise DataError(f"{listing} lists {file.stem}, but there is no {file}.")
    if not paths:
        raise DataError(f"{listing} lists no images.")
    return paths


def _image_of(annotation: Path) -> Path:
    return annotation.parents[1] / "JPEGImages" / f"{annotation.stem}.jpg"


def _scene(path: Path) -> Scene:
    from torchvision.datasets import VOCDetection

    try:
        annotation: dict[str, Any] = VOCDetection.parse_voc_xml(ElementTree.parse(path).getroot())["annotation"]
        objects = annotation.get("object", [])
        labels = [_label(one["name"]) for one in objects]
        # pixels are counted from 1 and the last one is inside the box, so that its right edge has the same number
        boxes = [[float(one["bndbox"][key]) for key in ("xmin", "ymin", "xmax", "ymax")] for one in objects]
        difficult = [one.get("difficult", "0") == "1" for one in objects]
        size = annotation.get("size")
        annotated = size and (int(size["height"]), int(size["width"]))
    except (ElementTree.ParseError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no annotation of VOC's: {type(error).__name__}: {error}") from error
    edges = torch.tensor(boxes).reshape(-1, 4) - torch.tensor([1.0, 1.0, 0.0, 0.0])
    return Scene(
        path.stem,
        functools.partial(read_picture, _image_of(path)),
        _upright(edges, stored_picture(_image_of(path)), annotated, path),
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(difficult, dtype=torch.bool),
    )


def _upright(boxes: Tensor, stored: Stored, annotated: tuple[int, int] | None, path: Path) -> Tensor:
    """Return boxes as they are in the upright image; ``annotated`` is the height and width of that they were drawn in.

    Raises
    ------
    DataError
        It is neither the stored nor the upright image's, and these differ.
    """
    if stored.orientation == 1:
        return boxes
    if annotated in (None, (stored.height, stored.width)):
        return stored.upright_boxes(boxes)
    if annotated == stored.upright_size:
        return boxes
    raise DataError(
        f"{path} gives the size {annotated[1]}x{annotated[0]}, but its image is {stored.width}x{stored.height} and "
        f"turned by EXIF (orientation {stored.orientation}): in which of them are the boxes?"
    )


def _label(name: str) -> int:
    if name not in CLASSES:
        raise ValueError(f"'{name}' is none of VOC's classes{suggestion(name, CLASSES)}")
    return 1 + CLASSES.index(name)


for _name, _years, _description, _source in (
    (
        "voc",
        (2007, 2012),
        "PASCAL VOC: trainval of 2007 and 2012 (16,551 photographs), test of 2007 (4,952), 20 classes",
        "yours: VOCdevkit/VOC2007 and VOC2012",
    ),
    (
        "voc2007",
        (2007,),
        "PASCAL VOC: trainval (5,011 photographs) and test of 2007 alone",
        "yours: VOCdevkit/VOC2007",
    ),
):
    register_data(
        DataInfo(
            _name,
            "detection",
            _description,
            _source,
            folder="optional",
            outline=DataOutline(3, None, len(CLASSES)),
            load=functools.partial(load_voc, years=_years),
        )
    )
