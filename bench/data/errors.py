"""The errors of data: missing, unreadable, or of an unknown name."""

from __future__ import annotations

from ..base.errors import BenchError


class DataError(BenchError):
    """Data that is missing, damaged, too large or not laid out as it must be."""


class DataOptionError(DataError):
    """An option that the data does not have, or that it needs."""


class UnknownDataError(DataError):
    """No data has this name."""
