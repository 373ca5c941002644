"""What the papers' network variants put between the factors of a decomposed convolution: batch-norm and activation."""

from __future__ import annotations

from typing import Literal

from torch import nn

Between = Literal["none", "bn", "bn-relu", "bn-prelu"]
"""Names of what can lie between two factors. Anything but ``"none"`` makes a method architectural."""
BETWEEN_TYPES = (nn.BatchNorm2d, nn.PReLU)
"""Modules whose parameters do not stand for conv weights."""


def make_between(between: Between, channels: int) -> nn.Module:
    """Return what lies between two factors, for ``channels`` channels.

    The activation is one that keeps its own output apart: an in-place one of the network's must not overwrite it.
    """
    if between == "none":
        return nn.Identity()
    norm = nn.BatchNorm2d(channels)
    if between == "bn":
        return norm
    return nn.Sequential(norm, nn.ReLU() if between == "bn-relu" else nn.PReLU())
