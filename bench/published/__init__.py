"""The papers' published sizes, each beside what our formulas give for the same network."""

from .judge import Verdict, judge_all
from .tables import OTHER_METRICS, PAPERS, SIZE_METRICS, PublishedRow, read_rows

__all__ = ["OTHER_METRICS", "PAPERS", "SIZE_METRICS", "PublishedRow", "Verdict", "judge_all", "read_rows"]
