"""What is measured on a model: sizes and operations, and latency."""

from .counts import CountMismatchError, count_macs, count_model, state_sha256
from .latency import measure_latency, memory_layout

__all__ = [
    "CountMismatchError",
    "count_macs",
    "count_model",
    "measure_latency",
    "memory_layout",
    "state_sha256",
]
