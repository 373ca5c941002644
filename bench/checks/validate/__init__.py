"""Validation of records: are they what they say? A pull request to the results runs it."""

from .report import Finding, ValidationReport
from .run import validate

__all__ = ["Finding", "ValidationReport", "validate"]
