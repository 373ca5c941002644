"""``noise``: random inputs, for counts and times alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .registry import DataInfo, register_data


@dataclass(frozen=True)
class Noise:
    """Normally distributed numbers, the same ones whenever they are drawn."""

    name: str
    revision: str = "1"

    def draw(self, *shape: int) -> Tensor:
        """Return numbers of mean 0 and standard deviation 1."""
        return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


register_data(
    DataInfo(
        "noise", "size", "normally distributed inputs: nothing to learn or to score", "drawn when loaded", load=Noise
    )
)
