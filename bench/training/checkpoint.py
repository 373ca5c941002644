"""The checkpoint: the state of a training on disk, from which it goes on after it was ended."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...common.files import write_atomically

FORMAT = 1
"""Raised when the content changes its meaning; a file of another format is left aside."""
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """The file that a training keeps its state in. It is written whole or not at all.

    Attributes
    ----------
    path
        The file; its folder is made when first written to.
    key
        Of all that decides on the training's course: the state of another key is left aside.
    seconds
        Time between two writings.
    epoch_seconds
        If it is less, the time after which the end of an epoch has it written: that is the better moment, as no batch
        has to be made again.
    """

    path: Path
    key: str
    seconds: float = 300.0
    epoch_seconds: float = 30.0

    def write(self, state: dict[str, Any], note: Callable[[str], Any]) -> None:
        """Keep a state in place of the one before. A disk that is full is no reason to end: ``note`` is told."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "key": self.key, "state": state}, buffer)
        content = buffer.getbuffer()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, hashlib.sha256(content).digest(), content)
        except OSError as error:
            note(
                f"the state of the training cannot be kept in {self.path.parent} ({error.strerror or error}); "
                "it goes on, but would start anew if it was ended now"
            )

    def read(self, note: Callable[[str], Any]) -> dict[str, Any] | None:
        """Return the state kept, None where there is none of use; ``note`` is told why a file is left aside."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            note(f"{self.path} cannot be read ({error.strerror or error}): the training starts anew")
            return None
        digest, body = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            note(f"{self.path} is damaged: the training starts anew")
            return None
        found = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        if (found["format"], found["key"]) != (FORMAT, self.key):
            note(f"{self.path} is the state of another training: this one starts anew")
            return None
        return found["state"]
