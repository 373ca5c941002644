"""Whether records are what they say: what a pull request to the results runs."""

from .report import Finding, ValidationReport
from .run import validate

__all__ = ["Finding", "ValidationReport", "validate"]
