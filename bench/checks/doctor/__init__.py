"""What this machine is, what software is on it, and what would spoil timings."""

from .report import DoctorReport, examine
from .warnings import warnings_of

__all__ = ["DoctorReport", "examine", "warnings_of"]
