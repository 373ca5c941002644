"""The doctor: the machine, its software, and what would spoil timings on it."""

from .report import DoctorReport, examine
from .warnings import warnings_of

__all__ = ["DoctorReport", "examine", "warnings_of"]
