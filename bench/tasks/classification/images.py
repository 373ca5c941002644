"""The images of a classification task: the interface of those in memory and those that are streamed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

Batches = Iterator[tuple[Tensor, Tensor]]
"""Inputs ``(b, c, h, w)`` float, normalised; labels ``(b,)`` int64 or, mixed, ``(b, classes)`` float."""


class Images(ABC):
    """Training and test images of one task, as a model gets them.

    Attributes
    ----------
    shape : tuple of int
        Of one input, ``(c, h, w)``.
    train_count : int
        How many training images there are.
    """

    shape: tuple[int, int, int]
    train_count: int

    @abstractmethod
    def example(self, batch_size: int) -> Tensor:
        """Inputs that are not augmented, always the same ones."""

    @abstractmethod
    def train_batches(self, batch_size: int, generator: torch.Generator, device: torch.device) -> Batches:
        """One epoch of shuffled, augmented full batches; an incomplete one only where it is the only one."""

    @abstractmethod
    def test_batches(self, device: torch.device) -> Batches:
        """All test images in their order; not augmented."""

    def steps_per_epoch(self, batch_size: int) -> int:
        """How many batches ``train_batches`` gives."""
        return max(1, self.train_count // batch_size)
