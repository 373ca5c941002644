"""The baseline that every table has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from .cost import Skip
from .method import Method
from .registry import register
from .spec import ConvSpec


@register("dense")
@dataclass(frozen=True)
class Dense(Method):
    """Nothing is compressed: the baseline of every table."""

    kind: ClassVar[Literal["weight-space", "architectural", "none"]] = "none"

    def layer_cost(self, spec: ConvSpec) -> Skip:
        return Skip("dense keeps every layer")

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        return conv
