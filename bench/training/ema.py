"""The moving average of a model in training."""

from __future__ import annotations

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn


class MovingAverage(ModelEmaV3):
    """timm's moving average, each tensor counted once though several layers share it.

    timm goes through the state dict, in which a shared parameter stands once for each layer, and would average it as
    often.
    """

    def apply_update_(self, model: nn.Module, decay: float) -> None:
        averages, values = [], []
        for average, value in zip(_tensors(self.module), _tensors(model), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        self._foreach_lerp_(averages, values, weight=1 - decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Give a model the averaged values. Its tensors stay the same objects: a session goes on knowing them."""
        for average, value in zip(_tensors(self.module), _tensors(model), strict=True):
            value.copy_(average)


def _tensors(model: nn.Module) -> list[Tensor]:
    """Return parameters and buffers, each once."""
    return [*model.parameters(), *model.buffers()]
