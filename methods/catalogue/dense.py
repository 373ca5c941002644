"""Dense: no compression, the baseline of every table."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ..contract.cost import Skip
from ..contract.method import Kind, Method
from ..contract.registry import register
from ..contract.spec import ConvSpec


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
