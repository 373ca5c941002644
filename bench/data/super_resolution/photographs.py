"""The colour photographs in scikit-image's wheel: astronaut and chelsea to test, the others to train.

They are read from the installed package; nothing is downloaded. The terms of each are in the docstring of its
function in ``skimage.data``.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from torch import Tensor

from ..errors import DataError
from ..images.pictures import read_picture
from ..registry import DataInfo, register_data
from ..types import revision_of
from .pairs import Pair, PairSet

TRAIN = (
    "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
    "retina.jpg", "rocket.jpg",
)  # fmt: skip
TEST = ("astronaut.png", "chelsea.png")


def load_photographs(part: str) -> dict[str, Tensor]:
    """Decode the photographs of a part, ``train`` or ``test``, by name: ``(3, h, w)`` uint8.

    Raises
    ------
    DataError
        The installed scikit-image lacks one.
    """
    return {file: _read(file) for file in {"train": TRAIN, "test": TEST}[part]}


def load(name: str, folder: Path, scale: int, part: str) -> PairSet:
    """Return the photographs of a part as pairs of that scale; they are in no folder."""
    images = load_photographs(part)
    pairs = tuple(Pair.of_image(file, image, scale) for file, image in images.items())
    return PairSet(name, revision_of(images.values(), images), pairs)


def photographs_revision() -> str:
    """One hash over both parts, by which the packaged weights and all records know the photographs."""
    train, test = load_photographs("train"), load_photographs("test")
    return revision_of([*train.values(), *test.values()], [*train, "", *test])


def _read(file: str) -> Tensor:
    """``(3, h, w)`` uint8."""
    carried = files("skimage") / "data" / file
    if not carried.is_file():
        raise DataError(f"The installed scikit-image does not carry {file}, as its wheels from 0.22 on do.")
    with as_file(carried) as path:
        return read_picture(path)


register_data(
    DataInfo("photographs", "super_resolution", "7 + 2 colour photographs", "scikit-image's wheel", load=load)
)
