"""Output positions drawn at random, and what a convolution sees and gives there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...contract.layers import padding_pairs
from ...contract.spec import ConvSpec


def draw_positions(maps: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw ``count`` different positions of each map, or take all where there are no more.

    Parameters
    ----------
    maps : Tensor ``(b, n, h, w)``
    count
        How many, at most ``h·w`` of which are taken.
    generator
        On the CPU, so that the positions are the same on any device.

    Returns
    -------
    Tensor ``(b, min(count, h·w))``
        Row-major indices into ``h·w``, int64, on the maps' device.
    """
    batch, _, height, width = maps.shape
    shuffled = torch.rand(batch, height * width, generator=generator).argsort(dim=1)
    return shuffled[:, :count].to(maps.device)


def at_positions(maps: Tensor, chosen: Tensor) -> Tensor:
    """Return the channels of ``maps`` ``(b, n, h, w)`` at positions ``(b, p)``, as double ``(b·p, n)``."""
    index = chosen[:, None, :].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).transpose(1, 2).reshape(-1, maps.shape[1]).double()


def patches_at(inputs: Tensor, spec: ConvSpec, chosen: Tensor, width: int) -> Tensor:
    """Return the patches that a convolution sees at some of its output positions; no other patch is copied.

    Parameters
    ----------
    inputs : Tensor ``(b, c, h, w)``
    spec
        The convolution.
    chosen : Tensor ``(b, p)``
        Row-major indices of output positions.
    width
        Width ``w'`` of the output.

    Returns
    -------
    Tensor ``(b·p, c·kh·kw)``
        In double precision, in the order of a flattened filter.
    """
    pad = [side for pair in reversed(padding_pairs(spec)) for side in pair]
    windows = F.pad(inputs, pad, mode="constant" if spec.padding_mode == "zeros" else spec.padding_mode)
    for dim, (kernel, stride, dilation) in enumerate(zip(spec.kernel_size, spec.stride, spec.dilation, strict=True), 2):
        windows = windows.unfold(dim, dilation * (kernel - 1) + 1, stride)
    windows = windows[..., :: spec.dilation[0], :: spec.dilation[1]]  # (b, c, h', w', kh, kw)
    image = torch.arange(len(inputs), device=inputs.device)[:, None]
    patches = windows[image, :, chosen // width, chosen % width]  # (b, p, c, kh, kw)
    return patches.flatten(0, 1).flatten(1).double()
