"""What can be wrong with a model's name, its settings or its weights."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UnknownModelError(ValueError):
    """No model has this name; the message gives the rule or the nearest names."""


class ModelSettingError(ValueError):
    """A keyword argument the model does not take, or a value it cannot have."""


class WeightsError(ValueError):
    """Weights that are missing, unreadable, or do not fit the model."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> str:
    """A sentence naming the known names nearest to ``name``; empty where none is near."""
    close = get_close_matches(name, list(known), n=count, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
