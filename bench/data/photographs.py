"""The colour photographs in scikit-image's wheel: astronaut and chelsea to test, the others to train.

They are read from the installed package; nothing is downloaded. The terms of each are in the docstring of its
function in ``skimage.data``.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .types import DataError, revision_of

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


def photographs_revision() -> str:
    """One hash over both parts, by which the packaged weights and all records know the photographs."""
    train, test = load_photographs("train"), load_photographs("test")
    return revision_of([*train.values(), *test.values()], [*train, "", *test])


def _read(file: str) -> Tensor:
    """``(3, h, w)`` uint8."""
    path = files("skimage") / "data" / file
    if not path.is_file():
        raise DataError(f"The installed scikit-image does not carry {file}, as its wheels from 0.22 on do.")
    with path.open("rb") as stream, Image.open(stream) as image:
        pixels = np.asarray(image.convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous()
