"""The figure of images: a test image whole, and a crop of it as every model makes it, with its PSNR."""

from __future__ import annotations

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ....base.errors import BenchError
from ..style import COLOURS, DEFAULT_WIDTH, new_figure, styled
from .scene import Picture, Scene

Crop = tuple[int, int, int]
"""Left edge, top edge and side of a square, in pixels at high resolution."""
#: Pictures in two rows of crops at most; more are in three, and more than three rows hold are refused.
IN_TWO_ROWS, MOST_PICTURES = 8, 15
#: The side of the default crop is this part of the picture's shorter side.
PART = 4
#: Width of a letter, height of a line below a crop, and that of the title, in cm.
LETTER, LINE, TITLE = 0.185, 0.4, 0.6


def draw_images(scene: Scene, *, crop: Crop | None = None, width: float = DEFAULT_WIDTH) -> Figure:
    """Draw a test image with a frame around the crop, and beside it the crop of every picture.

    Parameters
    ----------
    scene : Scene
        The pictures, the ground truth first.
    crop : tuple of int, optional
        Left edge, top edge and side of a square, in pixels at high resolution; by default the middle, a quarter of the
        shorter side.
    width : float
        In cm.

    Returns
    -------
    Figure
        Pixels are drawn as squares, none is made up between them. The PSNR is of the whole picture.

    Raises
    ------
    BenchError
        The crop is not inside the picture, or there are too many pictures.
    """
    count, truth = len(scene.pictures), scene.pictures[0]
    if count > MOST_PICTURES:
        raise BenchError(
            f"{count} pictures, of which {MOST_PICTURES} fit in a figure: choose some, "
            "as with --filter budget=params=30%"
        )
    left, top, side = _checked(crop, truth.pixels.shape[:2])
    rows = 2 if count <= IN_TWO_ROWS else 3
    columns = math.ceil(count / rows)
    cell = width / (columns + rows)  # the whole picture is as wide and as high as the crops of as many columns as rows
    captions = [_caption(picture, int(cell / LETTER)) for picture in scene.pictures]
    below = LINE * (1 + max(caption.count("\n") for caption in captions))
    with styled():
        figure = new_figure(width, rows * (cell + below) + TITLE)
        grid = figure.add_gridspec(rows, columns + rows)
        _show(figure.add_subplot(grid[:, :rows]), truth.pixels, f"{scene.name} ({scene.test}), ×{scene.scale}")
        figure.axes[0].add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=COLOURS[1], linewidth=1.2))
        for number, (picture, caption) in enumerate(zip(scene.pictures, captions, strict=True)):
            axes = figure.add_subplot(grid[number // columns, rows + number % columns])
            _show(axes, picture.pixels[top : top + side, left : left + side], caption)
        figure.suptitle(f"{scene.metric} in dB, of the whole picture", fontsize="medium")
    return figure


def _checked(crop: Crop | None, size: tuple[int, ...]) -> Crop:
    height, width = size
    if crop is None:
        side = max(1, min(size) // PART)
        return (width - side) // 2, (height - side) // 2, side
    left, top, side = crop
    if min(left, top) < 0 or side < 1 or left + side > width or top + side > height:
        raise BenchError(
            f"the crop {left},{top},{side} (left, top, side) is not inside the picture of {width}x{height} pixels"
        )
    return crop


def _caption(picture: Picture, letters: int) -> str:
    """Return label and PSNR in lines of so many letters."""
    lines = textwrap.wrap(picture.label, max(letters, 8))
    if picture.psnr is not None:
        lines.append("exact" if math.isinf(picture.psnr) else f"{picture.psnr:.2f}")
    return "\n".join(lines)


def _show(axes: Axes, pixels: np.ndarray, caption: str) -> None:
    axes.imshow(pixels, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_xlabel(caption)
    for spine in axes.spines.values():
        spine.set_visible(False)
