"""Two sets of records side by side: what changed in counts, quality and latency, and whether it is a regression."""

from .findings import RecordsComparison, RowComparison, RowFinding
from .judge import Thresholds, compare
from .sources import RecordSet, read_set

__all__ = ["RecordSet", "RecordsComparison", "RowComparison", "RowFinding", "Thresholds", "compare", "read_set"]
