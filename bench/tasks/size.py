"""The task ``size``: counts and times alone. Its inputs are noise, and there is no training and no score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from ..data import find_data
from ..data.noise import Noise
from .base import Outline, Task, TaskError, TaskOptions
from .registry import register_task


class SizeOptions(TaskOptions):
    """Options of size.

    Attributes
    ----------
    image_size : int
        Side of the inputs.
    channels : int
        Of the inputs.
    """

    image_size: int = Field(default=224, gt=0)
    channels: int = Field(default=3, gt=0)


@register_task
@dataclass(frozen=True)
class Size(Task):
    """Counts and latency of networks whose training is out of the question: there is neither loss nor metric."""

    name = "size"
    version = 1
    metrics = ()
    options_type = SizeOptions

    data: Noise
    options: SizeOptions

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: SizeOptions) -> Self:
        return cls(find_data(data, cls.name).load(data), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: SizeOptions) -> Outline:
        task = cls.from_data(data, root, options)
        return Outline(task.model_kwargs(), task._shape)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.options.channels, self.options.image_size, self.options.image_size

    def model_kwargs(self) -> dict[str, Any]:
        """Return nothing: models keep the channels and classes they have by default."""
        return {}

    def example(self, batch_size: int = 1) -> Tensor:
        return self.data.draw(batch_size, *self._shape)

    def steps_per_epoch(self, batch_size: int) -> int:
        return 1

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        raise TaskError("the task size has nothing to train on: set epochs: 0 in the recipe")

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        raise TaskError("the task size has no loss: set epochs: 0 in the recipe")

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return {}

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        raise TaskError("the task size has no data to split")
