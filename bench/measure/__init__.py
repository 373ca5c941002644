"""What is measured on a model: sizes and operations, latency, memory."""

from .counts import CountMismatchError, count_macs, count_model, state_sha256
from .deployed import time_deployed
from .latency import Comparison, compare
from .memory import PeakMemory, process_peak

__all__ = [
    "Comparison",
    "CountMismatchError",
    "PeakMemory",
    "compare",
    "count_macs",
    "count_model",
    "process_peak",
    "state_sha256",
    "time_deployed",
]
