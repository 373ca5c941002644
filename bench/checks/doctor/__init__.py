"""What this machine is, what software is on it, and what would spoil timings."""

from .report import Report, examine
from .warnings import warnings_of

__all__ = ["Report", "examine", "warnings_of"]
