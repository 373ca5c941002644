"""Folders of images for super-resolution: high resolution with or without the low one, and DIV2K.

``sr:PATH`` is one set of images, for the scale that is asked for the first of these that there is:
``PATH/X2/HR`` with ``PATH/X2/LR`` beside it, ``PATH/HR`` with ``PATH/LR/X2`` or ``PATH/LR``, and the images in
``PATH`` itself. Where there are no low-resolution images they are made by bicubic shrinking.

``div2k:PATH`` is the layout in which DIV2K (Agustsson and Timofte, NTIRE 2017) is handed out:
``DIV2K_train_HR``, ``DIV2K_train_LR_bicubic/X2``, ``DIV2K_valid_HR``, ``DIV2K_valid_LR_bicubic/X2``.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from ..errors import DataError
from ..images.pictures import find_pictures, picture_size, read_picture, revision_of_files
from ..names import set_name
from ..places import find_folder
from ..registry import DataInfo, register_data
from .pairs import Pair, PairSet

MARKS = re.compile(r"[_-]?(x\d|SRF_\d|HR|LR)$", re.IGNORECASE)
"""Ends of file names that tell one resolution from the other: ``0001x2.png``, ``img_001_SRF_2_LR.png``."""
DIV2K_LAYOUT = (
    "It is to be laid out as its authors have it: DIV2K_train_HR and DIV2K_valid_HR, with or without "
    "DIV2K_train_LR_bicubic/X2 and DIV2K_valid_LR_bicubic/X2."
)


def load_folder(name: str, folder: Path, scale: int, part: str = "") -> PairSet:
    """Find the images of ``sr:PATH``, which are one part whether they are trained or tested on.

    Raises
    ------
    DataError
        There is no such folder, none of the layouts fits, or high- and low-resolution images do not.
    """
    high, low = _find_layout(folder, scale)
    return pair_up(set_name(folder), high, low, scale)


def load_div2k(name: str, folder: Path, scale: int, part: str) -> PairSet:
    """Find the images of DIV2K, in ``folder`` or its subfolder ``DIV2K``: to ``train`` or, its ``valid``, to ``test``.

    Raises
    ------
    DataError
        There are no such images, or high- and low-resolution images do not fit.
    """
    half = {"train": "train", "test": "valid"}[part]
    folder = find_folder(name, [folder / "DIV2K", folder], f"DIV2K_{half}_HR", DIV2K_LAYOUT)
    high, low = folder / f"DIV2K_{half}_HR", folder / f"DIV2K_{half}_LR_bicubic" / f"X{scale}"
    return pair_up("DIV2K", high, low if low.is_dir() else None, scale)


def pair_up(name: str, high_folder: Path, low_folder: Path | None, scale: int) -> PairSet:
    """Pair the images of two folders by their names, or take those of one.

    Parameters
    ----------
    name : str
        Of the set.
    high_folder, low_folder : Path
        Images at high and at low resolution. Names may differ in suffix and in what ``MARKS`` matches.
    scale : int
        Enlargement.

    Raises
    ------
    DataError
        There are no images, one has no partner, or one is not ``scale`` times the other.
    """
    highs = _by_stem(high_folder)
    lows = _by_stem(low_folder) if low_folder else {}
    if not highs:
        raise DataError(f"{high_folder} holds no images.")
    if low_folder and highs.keys() != lows.keys():
        stem = min(highs.keys() ^ lows.keys())
        lone, other = (highs[stem], low_folder) if stem in highs else (lows[stem], high_folder)
        raise DataError(f"{lone} has no partner in {other}.")
    pairs = tuple(_pair(highs[stem], lows.get(stem), scale) for stem in sorted(highs))
    files = [(f"{side}/{stem}", path) for side, of in (("HR", highs), ("LR", lows)) for stem, path in of.items()]
    return PairSet(name, revision_of_files(sorted(files)), pairs)


def _find_layout(folder: Path, scale: int) -> tuple[Path, Path | None]:
    """Return the folders of the high- and of the low-resolution images."""
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}. It is to hold X{scale}/HR and X{scale}/LR, HR and LR/X{scale}, HR and LR, "
            "HR alone, or images."
        )
    of_scale = folder / f"X{scale}"
    if (of_scale / "HR").is_dir():
        return of_scale / "HR", _first_with_pictures(of_scale / "LR")
    if (folder / "HR").is_dir():
        return folder / "HR", _first_with_pictures(folder / "LR" / f"X{scale}", folder / "LR")
    if find_pictures(folder):
        return folder, None
    others = sorted(path.name for path in folder.glob("X*") if (path / "HR").is_dir())
    there = f"; there is {', '.join(others)}, whose HR can be given as the folder" if others else ""
    raise DataError(f"{folder} holds no images, no HR and no {of_scale.name}/HR{there}.")


def _first_with_pictures(*candidates: Path) -> Path | None:
    return next((folder for folder in candidates if folder.is_dir() and find_pictures(folder)), None)


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return a folder's images by name, without suffix and marks."""
    found: dict[str, Path] = {}
    for path in find_pictures(folder):
        stem = path.stem
        while (shorter := MARKS.sub("", stem)) not in (stem, ""):
            stem = shorter
        if stem in found:
            raise DataError(f"{folder}: {found[stem].name} and {path.name} would be the same image.")
        found[stem] = path
    return found


def _pair(high: Path, low: Path | None, scale: int) -> Pair:
    height, width = (side // scale for side in picture_size(high))
    if low is None:
        return Pair(high.name, scale, (height, width), functools.partial(read_picture, high))
    if picture_size(low) != (height, width):
        small, large = ("{1}x{0}".format(*picture_size(path)) for path in (low, high))
        raise DataError(
            f"{low} is {small} and {high} is {large}: at scale {scale} the small one must be {width}x{height}."
        )
    return Pair(high.name, scale, (height, width), *(functools.partial(read_picture, path) for path in (high, low)))


register_data(
    DataInfo(
        "div2k",
        "super_resolution",
        "800 + 100 photographs of 2K",
        "yours: DIV2K_train_HR, DIV2K_valid_HR, with DIV2K_*_LR_bicubic/X2 or without",
        folder="optional",
        load=load_div2k,
    )
)
register_data(
    DataInfo(
        "sr",
        "super_resolution",
        "one set of images, such as Set5, to train or to test on: TRAIN -> TEST, TEST",
        "yours: PATH/X2/HR and LR, PATH/HR and LR, or images",
        folder="required",
        load=load_folder,
    )
)
