"""The two pydantic classes that values derive from, parts of a suite and parts of a record; and a score in a record."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

Infinite = Literal["Infinity", "-Infinity"]
"""Infinite numbers as texts, as JSON has none; Python's ``float`` and JavaScript's ``Number`` read these."""


def score_to_json(score: float) -> float | Infinite:
    """Return a score as JSON has it; it is no NaN."""
    if math.isfinite(score):
        return score
    return "Infinity" if score > 0 else "-Infinity"


Score = Annotated[float, PlainSerializer(score_to_json, when_used="json")]
"""What a metric gives, in its unit. It is infinite where nothing is better: PSNR of a perfect image."""


class Strict(BaseModel):
    """A value that cannot change and takes no unknown fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class RecordPart(BaseModel):
    """A part of a record. Fields of a newer minor version are kept, and written back as they were."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=(), use_attribute_docstrings=True)
