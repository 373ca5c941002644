"""Values as JSON that every reader takes."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(value: Any) -> str:
    """Return indented JSON: null for numbers that are not finite, of which JSON has none, and texts for paths."""
    text = json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str)
    return text + "\n"


def finite(value: Any) -> Any:
    """Return a value with None for every number in it that is not finite; keys of mappings become texts."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
