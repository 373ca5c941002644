"""ImageNet's ResNets (He et al. 2016) with a stem for small images: ResNet-18, -34, -50, -101, -152.

"Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385. What makes them fit 32x32 images is
the stem: a 3x3 convolution of stride 1 and no max-pool instead of a 7x7 of stride 2 and one. The rest is ImageNet's:
four stages of 64 to 512 channels, projections (1x1 with batch-norm) where a shortcut changes shape, and in bottlenecks
the stride on the 3x3. Keys are torchvision's (``conv1``, ``bn1``, ``layer1.0.conv1``, ..., ``layer2.0.downsample.0``,
..., ``fc``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...common.names import either
from ..family import CIFAR_IMAGE, Networks


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch-norm, and a shortcut around them."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with batch-norm, the last four times as wide, and a shortcut around them."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.downsample(x))


BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""Kind of block and blocks per stage, by depth."""


class ImageNetResNetForCifar(nn.Module):
    """ResNet of ImageNet's form for images of about 32x32.

    Parameters
    ----------
    depth : int
        18, 34, 50, 101 or 152.
    in_chans, num_classes : int
        Channels of the input and of the output.

    Notes
    -----
    Input ``(b, in_chans, h, w)``, already normalised; output logits ``(b, num_classes)``.
    """

    def __init__(self, depth: int, *, in_chans: int = 3, num_classes: int = 10) -> None:
        super().__init__()
        block, counts = BLOCKS[depth]
        self.conv1 = nn.Conv2d(in_chans, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        e = block.expansion
        self.layer1 = _stage(block, counts[0], 64, 64, stride=1)
        self.layer2 = _stage(block, counts[1], 64 * e, 128, stride=2)
        self.layer3 = _stage(block, counts[2], 128 * e, 256, stride=2)
        self.layer4 = _stage(block, counts[3], 256 * e, 512, stride=2)
        self.fc = nn.Linear(512 * e, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))  # (b, 64, h, w)
        x = self.layer1(x)  # (b, 64 e, h, w), e the block's expansion
        x = self.layer2(x)  # (b, 128 e, h/2, w/2)
        x = self.layer3(x)  # (b, 256 e, h/4, w/4)
        x = self.layer4(x)  # (b, 512 e, h/8, w/8)
        return self.fc(torch.mean(x, dim=(2, 3)))


def _stage(
    block: type[BasicBlock] | type[Bottleneck], count: int, in_channels: int, width: int, *, stride: int
) -> nn.Sequential:
    first = block(in_channels, width, stride)
    return nn.Sequential(first, *(block(block.expansion * width, width, 1) for _ in range(count - 1)))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels))


VARIANTS = {f"resnet{depth}-cifar": {"depth": depth} for depth in BLOCKS}
FAMILY = Networks(
    ImageNetResNetForCifar,
    pattern="resnet{18|34|50|101|152}-cifar",
    example="resnet18-cifar",
    claimed=r"resnet-?\d+-cifar\d*",
    variants=VARIANTS,
    image=CIFAR_IMAGE,
    source="He et al. 2016, ImageNet's form with a 3x3 stem and projection shortcuts",
    rule=f"ImageNet's ResNets for CIFAR are {either(VARIANTS)}; "
    "those of He et al.'s CIFAR table are 'resnet20', 'resnet32', ..., without -cifar.",
)
