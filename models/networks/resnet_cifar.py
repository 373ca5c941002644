"""ResNets for small images (He et al. 2016, section 4.2): depth 6k+2, parameter-free shortcuts.

"Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385. Three stages of k basic
blocks with 16, 32 and 64 channels. Where a stage halves the image, the shortcut takes every second pixel and
pads the new channels with zeros ("option A"), so it has no weights; or, as li2019's authors have it, the mean of
every 2x2 pixels. Keys are those of Y. Idelbayev's
``pytorch_resnet_cifar10`` (``conv1``, ``bn1``, ``layer1.0.conv1``, ..., ``fc``).
"""

from __future__ import annotations

import re
from itertools import count
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...common.names import either
from ..family import CIFAR_IMAGE, Networks
from .resnet_imagenet_cifar import BLOCKS as IMAGENET_BLOCKS

Shortcut = Literal["A", "A-pool"]
"""Which pixels the shortcut takes where the image is halved: every second one, or the mean of every 2x2."""


class PadShortcut(nn.Module):
    """Option A shortcut: every second pixel, half of the new channels as zeros on either side.

    ``(b, c, h, w) -> (b, c_out, ceil(h / 2), ceil(w / 2))``
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.halved(x), (0, 0, 0, 0, self.before, self.after))

    def halved(self, x: Tensor) -> Tensor:
        """Return the image at half the size, ``(b, c, ceil(h / 2), ceil(w / 2))``."""
        return x[:, :, ::2, ::2]

    def extra_repr(self) -> str:
        return f"stride=2, channels before={self.before}, after={self.after}"


class PoolShortcut(PadShortcut):
    """The same with the mean of every 2x2 pixels, of those that there are at an odd edge."""

    def halved(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2, ceil_mode=True)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch-norm, and a shortcut around them."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        keeps_shape = stride == 1 and in_channels == out_channels
        halving = PoolShortcut if shortcut == "A-pool" else PadShortcut
        self.shortcut = nn.Identity() if keeps_shape else halving(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class CifarResNet(nn.Module):
    """ResNet of depth ``6 * blocks + 2`` for images of about 32x32.

    Parameters
    ----------
    blocks : int
        Basic blocks per stage (k); ``resnet20`` has 3.
    in_chans, num_classes : int
        Channels of the input and of the output.
    shortcut : {"A", "A-pool"}
        What the parameter-free shortcuts take where the image is halved: every second pixel, or the mean of every 2x2
        (li2019's ResNet-56). Weights of one load into the other.

    Notes
    -----
    Input ``(b, in_chans, h, w)``, already normalised; output logits ``(b, num_classes)``.
    """

    def __init__(self, blocks: int, *, in_chans: int = 3, num_classes: int = 10, shortcut: Shortcut = "A") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_chans, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(blocks, 16, 16, stride=1, shortcut=shortcut)
        self.layer2 = _stage(blocks, 16, 32, stride=2, shortcut=shortcut)
        self.layer3 = _stage(blocks, 32, 64, stride=2, shortcut=shortcut)
        self.fc = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # (b, 16, h, w)
        x = self.layer1(x)
        x = self.layer2(x)  # (b, 32, h/2, w/2)
        x = self.layer3(x)  # (b, 64, h/4, w/4)
        return self.fc(torch.mean(x, dim=(2, 3)))


def _stage(blocks: int, in_channels: int, out_channels: int, *, stride: int, shortcut: Shortcut) -> nn.Sequential:
    first = BasicBlock(in_channels, out_channels, stride, shortcut)
    rest = [BasicBlock(out_channels, out_channels, 1, shortcut) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def _settings(depth: int) -> dict[str, int] | None:
    """Return what a depth 6k+2 stands for; 50 and 152 are such depths, but names with them mean ImageNet's ResNets."""
    valid = depth >= 8 and depth % 6 == 2 and depth not in IMAGENET_BLOCKS
    return {"blocks": (depth - 2) // 6} if valid else None


def _parse(name: str) -> dict[str, int] | None:
    match = re.fullmatch(r"resnet([1-9]\d*)", name)
    return _settings(int(match[1])) if match else None


def _rule(name: str) -> str:
    depth = int(re.sub(r"\D", "", name))
    below = next((f"resnet{lower}" for lower in range(depth, 7, -1) if _settings(lower)), None)
    above = next(f"resnet{upper}" for upper in count(depth) if _settings(upper))
    near = either(dict.fromkeys(one for one in (below, above) if one))
    if depth in IMAGENET_BLOCKS:
        return (
            f"that could be ImageNet's ResNet-{depth}, which is 'torchvision/resnet{depth}', 'timm/resnet{depth}' or, "
            f"with a stem for small images, 'resnet{depth}-cifar'; the CIFAR ResNets of depth 6k+2 next to it are "
            f"{near}."
        )
    return (
        f"a CIFAR ResNet has depth 6k+2, k >= 1 (8, 14, 20, ...). Did you mean {near}? ImageNet's ResNets are "
        "'torchvision/resnet18', 'timm/resnet18' and, with a stem for small images, 'resnet18-cifar'."
    )


FAMILY = Networks(
    CifarResNet,
    pattern="resnet{6k+2}",
    example="resnet20",
    claimed=r"resnet-?\d+",
    variants={f"resnet{depth}": settings for depth in range(8, 111) if (settings := _settings(depth))},
    parse=_parse,
    image=CIFAR_IMAGE,
    source="He et al. 2016, option A shortcuts",
    rule=_rule,
)
