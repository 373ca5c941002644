"""Folders of images with one subfolder per class: their files and labels.

Two layouts. ``FOLDER/train/<class>/*`` with ``FOLDER/test/<class>/*``, or ``val`` where there is no ``test`` or it
has no class folders. Or ``FOLDER/<class>/*``, of which every class gives a fifth of its files to the test set: those
whose SHA-256 of ``<class>/<file name>`` is lowest, so the split depends on nothing but the names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....common.names import suggestion
from ..errors import DataError
from .pictures import SUFFIXES

TEST_SHARE = 0.2
HELD_OUT = ("test", "val")
"""Folders beside ``train`` that may hold the test set; the first with class folders does."""

_ByClass = dict[str, list[str]]


@dataclass(frozen=True)
class LabelledFiles:
    """Files of one half of a data set.

    Attributes
    ----------
    names : list of str
        From the data set's folder on, in the order of classes and names.
    labels : list of int
        Number of each one's class.
    """

    names: list[str]
    labels: list[int]

    @classmethod
    def of(cls, files: _ByClass, classes: list[str]) -> LabelledFiles:
        """Flatten files by class."""
        pairs = [(name, label) for label, known in enumerate(classes) for name in files.get(known, [])]
        return cls([name for name, _ in pairs], [label for _, label in pairs])


def scan_folder(folder: Path, held_out: Sequence[str] = HELD_OUT) -> tuple[LabelledFiles, LabelledFiles, list[str]]:
    """Find the files of both halves, and the classes in the order of their names.

    Parameters
    ----------
    folder : Path
        Of the data set.
    held_out : sequence of str
        Where the test set is looked for beside ``train``, in this order.

    Raises
    ------
    DataError
        The folder is not laid out as described.
    """
    train, test = _halves(folder, held_out)
    classes = sorted(train)
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DataError(
            f"{folder}: the test set has the class {unknown[0]!r}, the training set does not"
            f"{suggestion(unknown[0], classes)}."
        )
    return LabelledFiles.of(train, classes), LabelledFiles.of(test, classes), classes


def _halves(folder: Path, held_out: Sequence[str]) -> tuple[_ByClass, _ByClass]:
    if not folder.is_dir():
        halves = " or ".join(f"{half}/<class>/*" for half in held_out)
        raise DataError(f"There is no folder {folder}. It is to hold train/<class>/* and {halves}, or <class>/* alone.")
    if not (folder / "train").is_dir():
        return _split(_by_class(folder))
    for half in held_out:
        if _class_names(folder / half):
            return _by_class(folder, "train"), _by_class(folder, half)
    wanted = " or ".join(f"{half}/" for half in held_out)
    raise DataError(f"{folder} has train/ but no {wanted} beside it with a subfolder for each class.")


def _class_names(folder: Path) -> list[str]:
    """Names of the subfolders; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != ".")


def _by_class(folder: Path, half: str = "") -> _ByClass:
    top = folder / half
    classes: _ByClass = {}
    for label in _class_names(top):
        names = sorted(name for name in os.listdir(top / label) if _is_image(name))
        if not names:
            raise DataError(f"{top / label} holds no image ({', '.join(sorted(SUFFIXES))}).")
        start = f"{half}/{label}" if half else label
        classes[label] = [f"{start}/{name}" for name in names]
    if not classes:
        raise DataError(f"{top} has no subfolders; one per class is needed, each holding its images.")
    return classes


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES and name[0] != "."


def _split(files: _ByClass) -> tuple[_ByClass, _ByClass]:
    train: _ByClass = {}
    test: _ByClass = {}
    for label, names in files.items():
        if len(names) < 2:
            raise DataError(f"Class {label!r} has one image only; two at least are needed to split off a test set.")
        # a name is <class>/<file name> here
        ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
        held_out = set(ranked[: max(1, round(TEST_SHARE * len(names)))])
        train[label] = [name for name in names if name not in held_out]
        test[label] = [name for name in names if name in held_out]
    return train, test
