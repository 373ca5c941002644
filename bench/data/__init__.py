"""Data: images to train and test on, embedded, from a package or a folder; as ``uint8`` in memory or a list of files.

In: a name, and a folder where it needs one. Out: images and what is known of them, with a revision.

``load_classification("fashion-mnist-10k")``, ``load_super_resolution("photographs")``, ``list_data()``.

In: the name of data, with the folder it lies in. Out: images with a revision.
"""

from typing import TYPE_CHECKING

from ...common.lazy import lazy_names

if TYPE_CHECKING:
    from .classification.load import load_classification, scan_classification
    from .errors import DataError, DataOptionError, UnknownDataError
    from .registry import DataInfo, DataOutline, fetch_data, find_data, list_data, register_data
    from .super_resolution.load import SuperResolutionData, load_super_resolution
    from .types import ClassificationData, ImageFiles

__all__ = [
    "ClassificationData",
    "DataError",
    "DataInfo",
    "DataOptionError",
    "DataOutline",
    "ImageFiles",
    "SuperResolutionData",
    "UnknownDataError",
    "fetch_data",
    "find_data",
    "list_data",
    "load_classification",
    "load_super_resolution",
    "register_data",
    "scan_classification",
]

# a suite asks this room for names and folders only, which need no torch
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".classification.load": ("load_classification", "scan_classification"),
        ".errors": ("DataError", "DataOptionError", "UnknownDataError"),
        ".registry": ("DataInfo", "DataOutline", "fetch_data", "find_data", "list_data", "register_data"),
        ".super_resolution.load": ("SuperResolutionData", "load_super_resolution"),
        ".types": ("ClassificationData", "ImageFiles"),
    },
)
