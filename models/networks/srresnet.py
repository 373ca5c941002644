"""SRResNet, super-resolution by a residual network with batch-norm (Ledig et al. 2017).

"Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
https://arxiv.org/abs/1609.04802: 16 residual blocks of 64 features with batch-norm and PReLU (1.5 million parameters),
9x9 convolutions at both ends, sub-pixel convolutions between; li2019's authors end in a 3x3. No one layout of keys is
established; this one is EDSR's (``head.0``, ``body.0.body.0``, ..., ``tail.0.0``, ``tail.1``).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ...common.names import either
from ..family import HD_IMAGE, Networks

SCALES = (2, 3, 4)


class ResidualBlock(nn.Module):
    """``x + bn(conv(prelu(bn(conv(x)))))``, shape kept."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1),
            nn.BatchNorm2d(features),
            nn.PReLU(),
            nn.Conv2d(features, features, 3, padding=1),
            nn.BatchNorm2d(features),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class SRResNet(nn.Module):
    """SRResNet.

    Parameters
    ----------
    scale : int
        Enlargement, 2, 3 or 4.
    in_chans : int
        Colour channels, 3 for RGB.
    blocks, features : int
        Residual blocks and their channels.
    tail_kernel : {9, 3}
        Kernel of the last convolution: 9 in the paper, 3 in li2019's networks.

    Notes
    -----
    Input ``(b, in_chans, h, w)`` in [0, 1]; output ``(b, in_chans, scale * h, scale * w)``, not clamped.
    """

    def __init__(
        self,
        scale: int,
        *,
        in_chans: int = 3,
        blocks: int = 16,
        features: int = 64,
        tail_kernel: Literal[9, 3] = 9,
    ) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(in_chans, features, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(ResidualBlock(features) for _ in range(blocks)),
            nn.Conv2d(features, features, 3, padding=1),
            nn.BatchNorm2d(features),
        )
        last = nn.Conv2d(features, in_chans, tail_kernel, padding=tail_kernel // 2)
        self.tail = nn.Sequential(_upsampler(features, scale), last)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)  # (b, features, h, w)
        x = x + self.body(x)
        return self.tail(x)  # (b, in_chans, scale * h, scale * w)


def _upsampler(features: int, scale: int) -> nn.Sequential:
    """Sub-pixel convolutions with PReLU: one for scale 2 or 3, two of scale 2 for scale 4."""
    steps = {2: (2,), 3: (3,), 4: (2, 2)}[scale]
    layers: list[nn.Module] = []
    for step in steps:
        layers += [nn.Conv2d(features, step * step * features, 3, padding=1), nn.PixelShuffle(step), nn.PReLU()]
    return nn.Sequential(*layers)


VARIANTS = {f"srresnet-x{scale}": {"scale": scale} for scale in SCALES}
FAMILY = Networks(
    SRResNet,
    pattern="srresnet-x{2|3|4}",
    example="srresnet-x4",
    claimed=r"srresnet.*",
    variants=VARIANTS,
    image=HD_IMAGE,
    source="Ledig et al. 2017, SRResNet",
    rule=f"the SRResNets are {either(VARIANTS)}.",
)
