"""The orientation in which a file stores its image, and boxes in it as they are when the image is upright.

EXIF counts eight of them (CIPA DC-008, tag 274): 1 is upright, 3 upside down, 6 and 8 lie on a side, and 2, 4, 5 and 7
are mirrored.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import ExifTags, Image
from torch import Tensor

LYING = (5, 6, 7, 8)
"""Orientations whose height is the upright image's width."""
MIRRORED_ACROSS, MIRRORED_DOWN = (2, 3, 7, 8), (3, 4, 6, 7)
"""Orientations whose columns, and whose rows, run the other way than in the upright image; lying ones before that."""
TURNS = dict(
    zip(
        range(2, 9),
        (
            Image.Transpose.FLIP_LEFT_RIGHT,
            Image.Transpose.ROTATE_180,
            Image.Transpose.FLIP_TOP_BOTTOM,
            Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_270,
            Image.Transpose.TRANSVERSE,
            Image.Transpose.ROTATE_90,
        ),
        strict=True,
    )
)
"""What makes the upright image of a stored one, by orientation."""
WIDTH, HEIGHT = 256, 257
"""Tags of TIFF."""
SIGNATURE = 8
"""Bytes that a PNG begins with."""
TELLING = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
"""Chunks of a PNG that may hold its orientation."""


@dataclass(frozen=True)
class Stored:
    """How a file stores an image.

    Attributes
    ----------
    height, width : int
        As stored, in pixels.
    orientation : int
        EXIF's, 1 to 8.
    """

    height: int
    width: int
    orientation: int = 1

    @classmethod
    def of(cls, image: Image.Image, path: Path) -> Stored:
        """Read the header of an opened file."""
        # Pillow decodes a whole PNG to look behind the pixels
        whole = image.format == "PNG" and _tells_more_behind_the_pixels(path)
        tags = getattr(image, "tag_v2", {})  # of a TIFF, whose size Pillow may give upright
        width, height = tags.get(WIDTH, image.width), tags.get(HEIGHT, image.height)
        return cls(height, width, _orientation(image.getexif if whole else lambda: Image.Image.getexif(image)))

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        return (self.width, self.height) if self.orientation in LYING else (self.height, self.width)

    def upright_boxes(self, boxes: Tensor) -> Tensor:
        """Return boxes, given in the stored image, as they are in the upright one.

        Parameters
        ----------
        boxes : Tensor
            ``(n, 4)``, left, top, right and bottom edge in pixels.
        """
        left, top, right, bottom = boxes.unbind(1)
        if self.orientation in MIRRORED_ACROSS:
            left, right = self.width - right, self.width - left
        if self.orientation in MIRRORED_DOWN:
            top, bottom = self.height - bottom, self.height - top
        if self.orientation in LYING:
            left, top, right, bottom = top, left, bottom, right
        return torch.stack([left, top, right, bottom], 1)


def upright(image: Image.Image, read_from: Image.Image) -> Image.Image:
    """Return an image upright that was made of one read from a file and loaded; a TIFF's is so when it is loaded."""
    turn = None if read_from.format == "TIFF" else TURNS.get(_orientation(read_from.getexif))
    return image if turn is None else image.transpose(turn)


def _orientation(read: Callable[[], Image.Exif]) -> int:
    """Return the orientation in what ``read`` returns; where that is nonsense the image is taken to be upright."""
    try:
        orientation = read().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error):  # what Pillow raises for broken EXIF
        return 1
    return orientation if orientation in range(1, 9) else 1


def _tells_more_behind_the_pixels(path: Path) -> bool:
    """Whether a PNG has a chunk that may hold its orientation behind those of its pixels."""
    pixels = False
    with path.open("rb") as file:
        file.seek(SIGNATURE)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if pixels and kind in TELLING:
                return True
            pixels = pixels or kind == b"IDAT"
            file.seek(length + 4, 1)
    return False
