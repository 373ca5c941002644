"""Calibration inputs: batches of a network's inputs, without labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ..contract.errors import SettingError

Batch = Tensor | tuple[Any, ...]
"""The input of a model, or all arguments of its forward."""


def first_inputs(batches: Iterable[Batch], wanted: int) -> Iterator[Batch]:
    """Yield the first ``wanted`` inputs, in the batches they come in; the last batch is cut to the number missing.

    In a tuple, every tensor as long as the first is cut.

    Raises
    ------
    SettingError
        If a batch is not made of inputs.
    """
    if isinstance(batches, Tensor):
        raise SettingError("calibration is an iterable of batches: put a single batch in a list, [batch]")
    for batch in batches:
        first = batch[0] if isinstance(batch, tuple) and batch else batch
        if not isinstance(first, Tensor):
            raise SettingError(
                "a calibration batch is an input tensor, or a tuple of the forward's arguments, without labels; "
                f"got a {type(batch).__name__}"
            )
        yield batch if len(first) <= wanted else _cut(batch, len(first), wanted)
        wanted -= len(first)
        if wanted <= 0:  # before the next is asked for: there may be infinitely many
            return


def _cut(batch: Batch, length: int, wanted: int) -> Batch:
    """Return the first ``wanted`` inputs of a batch of ``length``."""
    if isinstance(batch, Tensor):
        return batch[:wanted]
    return tuple(x[:wanted] if isinstance(x, Tensor) and x.dim() and len(x) == length else x for x in batch)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return a batch whose tensors are on ``device``."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    return tuple(x.to(device) if isinstance(x, Tensor) else x for x in batch)
