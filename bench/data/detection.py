"""Images with objects in boxes, by name."""

from __future__ import annotations

from pathlib import Path

from . import drawings, voc
from .places import find_folder, folder_of
from .registry import find_data
from .scenes import DetectionData

TASK = "detection"
LAYOUT = (
    "Unpack its archives, which hold VOCdevkit/VOC2007 and VOCdevkit/VOC2012, each with Annotations, ImageSets/Main "
    "and JPEGImages."
)
VOC_YEARS = {"voc": (2007, 2012), "voc2007": (2007,)}


def load_detection(name: str, root: str | Path | None = None) -> DetectionData:
    """Load annotations; images are read when they are needed.

    Parameters
    ----------
    name : str
        ``drawings``; ``voc`` or ``voc:PATH``, trained on ``trainval`` of 2007 and 2012, tested on ``test`` of 2007;
        or ``voc2007``, trained on ``trainval`` of 2007 alone.
    root : str or Path, optional
        Folder that a relative PATH starts from, by default the current one; without a PATH the folder of all
        data sets, see ``places.data_folder``.

    Raises
    ------
    UnknownDataError
        No such name; the message has the nearest.
    DataError
        The data is missing or damaged.
    """
    find_data(name, TASK)
    kind = name.partition(":")[0]
    if kind not in VOC_YEARS:
        return drawings.load_drawings(name)
    folder, how = folder_of(name, root), LAYOUT
    devkit = find_folder(name, [folder / "VOCdevkit", folder], "VOC2007", how)
    return voc.load_voc(name, devkit, VOC_YEARS[kind])


def class_names(name: str) -> tuple[str, ...]:
    """Return the classes of data by its name, the background not among them; the data need not be there.

    Raises
    ------
    UnknownDataError
        No such name.
    """
    find_data(name, TASK)
    return voc.CLASSES if name.partition(":")[0] in VOC_YEARS else drawings.CLASSES
