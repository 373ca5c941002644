"""The papers' published numbers: their sizes beside those of our formulas, and their points beside our rows."""

from .judge import SizeVerdict, judge_all
from .points import PublishedPoint, published_points
from .read import OTHER_METRICS, PAPERS, SIZE_METRICS, PublishedRow, read_rows

__all__ = [
    "OTHER_METRICS",
    "PAPERS",
    "SIZE_METRICS",
    "PublishedPoint",
    "PublishedRow",
    "SizeVerdict",
    "judge_all",
    "published_points",
    "read_rows",
]
