"""Data: images to train and test on, embedded, from a package or a folder; as ``uint8`` in memory or a list of files.

In: a name, and a folder where it needs one. Out: images and what is known of them, with a revision.

``load_classification("fashion-mnist-10k")``, ``load_super_resolution("photographs")``, ``list_data()``.
"""

from .classification.load import load_classification, scan_classification
from .registry import DataInfo, DataOutline, fetch_data, find_data, list_data, register_data
from .super_resolution.load import SuperResolutionData, load_super_resolution
from .types import ClassificationData, DataError, DataOptionError, ImageFiles, UnknownDataError

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
