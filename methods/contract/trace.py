"""Convolutions that no module holds: a network may call the function itself, as blurs with a fixed kernel do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


class ConvolutionCounter(TorchFunctionMode):
    """Counts the multiply-accumulates of every (not transposed) convolution called while it is on, by whomever.

    Attributes
    ----------
    macs
        The sum so far, over all images of the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        output = func(*args, **given)
        if func in CONVOLUTIONS:
            weight = args[1] if len(args) > 1 else given["weight"]
            self.macs += output.numel() * weight[0].numel()
        return output
