"""Errors that the user of a method can put right: a wrong name, setting, budget or file."""

from __future__ import annotations


class MethodError(ValueError):
    """Base of every error that the user of a method can put right."""


class UnknownNameError(MethodError):
    """No method has this name; the message gives the nearest names."""


class SettingError(MethodError):
    """A setting the method does not have, or a value it cannot take."""


class UnreachableTarget(MethodError):
    """No value of the method's knob meets the budget; the message gives the reachable range.

    Attributes
    ----------
    low, high
        Smallest and largest reachable fraction of the dense model's count.
    """

    def __init__(self, message: str, low: float, high: float) -> None:
        super().__init__(message)
        self.low = low
        self.high = high


class StorageError(MethodError):
    """A saved model that cannot be read, or does not fit the model it is loaded into."""


def require(condition: bool, message: str) -> None:
    """Raise `SettingError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise SettingError(message)
