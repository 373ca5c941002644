"""The baseline that every table has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from .cost import Skip
from .method import Kind, Method
from .registry import register
from .spec import ConvSpec


@register("dense")
@dataclass(frozen=True)
class Dense(Method):
    """Nothing is compressed: the baseline of every table."""

    @property
    def kind(self) -> Kind:
        return "none"

    def layer_cost(self, spec: ConvSpec) -> Skip:
        return Skip("dense keeps every layer")

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        return conv
