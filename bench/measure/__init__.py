"""Measuring: sizes and operations, latency, memory and quality of a model.

In: a model, an input, a task. Out: counts, times, memory and quality, as records have them.

How something is measured has no version of its own in a trial's identity. Sizes and operations are counted in several
ways that must agree, metrics belong to the task and its version, and times are of one machine and one day anyway.
"""

from .counters import count_macs
from .counts import CountMismatchError, count_model, state_sha256
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
