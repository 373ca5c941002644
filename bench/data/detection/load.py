"""The loader of detection data by name."""

from __future__ import annotations

from pathlib import Path

from ..places import folder_of
from ..registry import find_data
from .scenes import DetectionData

TASK = "detection"


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
    return find_data(name, TASK).load(name, folder_of(name, root))
