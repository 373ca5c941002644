"""DenseNets for small images (Huang et al. 2017): each layer sees the outputs of all before it in its block.

"Densely Connected Convolutional Networks", https://arxiv.org/abs/1608.06993. Two kinds: the plain DenseNets of the
paper's CIFAR table (three blocks, no bottlenecks, transitions that keep the channels), and ImageNet's DenseNet-BC
(four blocks, bottlenecks, transitions that halve the channels) with a 3x3 stem of stride 1 and no max-pool. Keys are
torchvision's (``features.conv0``, ``features.denseblock1.denselayer1.norm1``, ..., ``features.transition1.conv``, ...,
``features.norm5``, ``classifier``), the last norm called ``norm5`` however many blocks there are; its ``norm0`` belongs
to the max-pool that is not here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...common.names import either
from ..family import CIFAR_IMAGE, Networks


class DenseLayer(nn.Module):
    """Batch-norm, ReLU, 3x3 convolution to ``growth`` channels, which are appended to the input."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.conv1(F.relu(self.norm1(x)))), dim=1)


class BottleneckLayer(nn.Module):
    """The same behind a 1x1 convolution to four times ``growth`` channels."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.norm1(x)))
        return torch.cat((x, self.conv2(F.relu(self.norm2(out)))), dim=1)


class Transition(nn.Module):
    """Batch-norm, ReLU, 1x1 convolution, average of 2x2 pixels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)


class CifarDenseNet(nn.Module):
    """DenseNet for images of about 32x32.

    Parameters
    ----------
    layers : sequence of int
        Dense layers of each block.
    growth : int
        Channels each layer adds.
    stem : int
        Channels of the first convolution.
    bottleneck : bool
        Whether each layer has a 1x1 convolution before its 3x3.
    reduction : int
        What transitions divide the channels by.
    in_chans, num_classes : int
        Channels of the input and of the output.

    Notes
    -----
    Input ``(b, in_chans, h, w)``, already normalised; output logits ``(b, num_classes)``.
    """

    def __init__(
        self,
        layers: Sequence[int],
        *,
        growth: int,
        stem: int,
        bottleneck: bool,
        reduction: int,
        in_chans: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        layer = BottleneckLayer if bottleneck else DenseLayer
        features: OrderedDict[str, nn.Module] = OrderedDict()
        features["conv0"] = nn.Conv2d(in_chans, stem, 3, padding=1, bias=False)
        channels = stem
        for number, count in enumerate(layers, start=1):
            block: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(1, count + 1):
                block[f"denselayer{index}"] = layer(channels, growth)
                channels += growth
            features[f"denseblock{number}"] = nn.Sequential(block)
            if number < len(layers):
                features[f"transition{number}"] = Transition(channels, channels // reduction)
                channels //= reduction
        features["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x))  # (b, channels, h/4 or h/8, w/4 or w/8)
        return self.classifier(torch.mean(x, dim=(2, 3)))


PLAIN = {"growth": 12, "stem": 24, "bottleneck": False, "reduction": 1}
VARIANTS = {
    "densenet40": {"layers": (12, 12, 12), **PLAIN},
    "densenet100": {"layers": (32, 32, 32), **PLAIN},
    "densenet121-cifar": {"layers": (6, 12, 24, 16), "growth": 32, "stem": 64, "bottleneck": True, "reduction": 2},
}
FAMILY = Networks(
    CifarDenseNet,
    pattern="densenet{40|100}, densenet121-cifar",
    example="densenet40",
    claimed=r"densenet-?\d+(-cifar\d*)?",
    variants=VARIANTS,
    image=CIFAR_IMAGE,
    source="Huang et al. 2017: growth 12 without bottlenecks; ImageNet's form with a 3x3 stem",
    rule=f"the DenseNets for CIFAR are {either(VARIANTS)}; "
    "ImageNet's are 'torchvision/densenet121', 'timm/densenet121', ...",
)
