"""EDSR, super-resolution by a residual network without batch-norm (Lim et al. 2017).

"Enhanced Deep Residual Networks for Single Image Super-Resolution", https://arxiv.org/abs/1707.02921. The
layout and the keys (``head.0``, ``body.0.body.0``, ..., ``tail.0.0``, ``tail.1``) are those of the authors'
EDSR-PyTorch; only their two frozen 1x1 convolutions that subtract and add the mean colour are a constant
here, so that they count as no weights.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from ...common.names import either
from ..family import HD_IMAGE, Networks

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean red, green and blue of the DIV2K training set, images in [0, 1]."""

SCALES = (2, 3, 4)


class ResidualBlock(nn.Module):
    """``x + res_scale * conv(relu(conv(x)))``, shape kept."""

    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv3x3(features, features), nn.ReLU(inplace=True), _conv3x3(features, features))
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        residual = self.body(x)
        return x + (residual if self.res_scale == 1.0 else residual * self.res_scale)


class EDSR(nn.Module):
    """EDSR with any number of blocks and features.

    Parameters
    ----------
    blocks, features : int
        Residual blocks and their channels; the authors' baseline has 16 and 64, their full model 32 and 256.
    scale : int
        Enlargement, 2, 3 or 4.
    in_chans : int
        Colour channels, 3 for RGB.
    res_scale : float, optional
        Factor on each residual. By default 0.1 from 256 features on, where training is unstable without it,
        else 1.

    Notes
    -----
    Input ``(b, in_chans, h, w)`` in [0, 1]; output ``(b, in_chans, scale * h, scale * w)``, about [0, 1], not
    clamped.
    """

    mean: Tensor

    def __init__(
        self, blocks: int, features: int, scale: int, *, in_chans: int = 3, res_scale: float | None = None
    ) -> None:
        super().__init__()
        if res_scale is None:
            res_scale = 0.1 if features >= 256 else 1.0
        mean = DIV2K_MEAN if in_chans == 3 else (sum(DIV2K_MEAN) / 3,) * in_chans
        self.register_buffer("mean", torch.tensor(mean).view(1, in_chans, 1, 1), persistent=False)
        self.head = nn.Sequential(_conv3x3(in_chans, features))
        residuals = [ResidualBlock(features, res_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*residuals, _conv3x3(features, features))
        self.tail = nn.Sequential(_upsampler(features, scale), _conv3x3(features, in_chans))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x - self.mean)  # (b, features, h, w)
        x = x + self.body(x)
        return self.tail(x) + self.mean  # (b, in_chans, scale * h, scale * w)


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def _upsampler(features: int, scale: int) -> nn.Sequential:
    """Sub-pixel convolutions: one for scale 2 or 3, two of scale 2 for scale 4."""
    steps = {2: (2,), 3: (3,), 4: (2, 2)}[scale]
    layers: list[nn.Module] = []
    for step in steps:
        layers += [_conv3x3(features, step * step * features), nn.PixelShuffle(step)]
    return nn.Sequential(*layers)


def _parse(name: str) -> dict[str, int] | None:
    match = re.fullmatch(r"edsr-r([1-9]\d*)f([1-9]\d*)x([234])", name)
    return dict(zip(("blocks", "features", "scale"), map(int, match.groups()), strict=True)) if match else None


def _rule(name: str) -> str:
    other_scale = re.fullmatch(r"(edsr-r[1-9]\d*f[1-9]\d*)x(\d+)", name)
    if other_scale:
        stem, scale = other_scale.groups()
        return f"EDSR's scale is 2, 3 or 4, not {scale}: {either(f'{stem}x{scale}' for scale in SCALES)}."
    return "an EDSR is named edsr-r<blocks>f<features>x<scale>, such as 'edsr-r4f32x2'."


SIZES = ((4, 32), (8, 128), (16, 64), (32, 256))
"""Blocks and features: the packaged one's; li2019's EDSR-8-128; the authors' baseline and full model."""
FAMILY = Networks(
    EDSR,
    pattern="edsr-r{blocks}f{features}x{2|3|4}",
    example="edsr-r4f32x2",
    claimed=r"edsr.*",
    variants={
        f"edsr-r{blocks}f{features}x{scale}": {"blocks": blocks, "features": features, "scale": scale}
        for blocks, features in SIZES
        for scale in SCALES
    },
    parse=_parse,
    image=HD_IMAGE,
    source="Lim et al. 2017, EDSR: r32f256 in full, r16f64 its baseline",
    rule=_rule,
)
