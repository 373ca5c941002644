"""The packing of a page's data: equal values once, compressed, in characters that cannot end an element."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from ..text.json import finite


class Pool:
    """Values kept once each, however often they occur; a number stands for each."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def add(self, value: Any) -> int:
        """Return the number of a value that is JSON."""
        text = to_json(value)
        number = self._numbers.setdefault(text, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


def to_json(value: Any) -> str:
    """Return compact JSON, null for numbers that are not finite: a browser reads no other."""
    return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def packed(text: str) -> str:
    """Return text compressed by gzip and written in base64, the same bytes for the same text.

    Base64 has no ``<``: whatever the text holds, the element around it ends where it should.
    """
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), 9, mtime=0)).decode()
