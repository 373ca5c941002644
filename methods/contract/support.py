"""The reasons, shared by several methods, for which a convolution is left alone."""

from __future__ import annotations

from .cost import Skip
from .spec import ConvSpec


def refuse_grouped(spec: ConvSpec) -> Skip | None:
    """Return a skip for grouped and depthwise convolutions."""
    if spec.groups == 1:
        return None
    depthwise = spec.groups == spec.in_channels
    return Skip("depthwise convolution" if depthwise else f"grouped convolution ({spec.groups} groups)")


def refuse_pointwise(spec: ConvSpec) -> Skip | None:
    """Return a skip for 1×1 convolutions."""
    return Skip("1×1 convolution") if spec.kernel_area == 1 else None
