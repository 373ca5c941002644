"""Errors about a model's name, its settings or its weights."""

from __future__ import annotations


class UnknownModelError(ValueError):
    """No model has this name; the message gives the rule or the nearest names."""


class ModelSettingError(ValueError):
    """A keyword argument the model does not take, or a value it cannot have."""


class WeightsError(ValueError):
    """Weights that are missing, unreadable, or do not fit the model."""


class ModelNameError(ValueError):
    """A plugin's network that cannot have the name it is registered by."""
