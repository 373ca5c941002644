"""VGG for small images (Simonyan and Zisserman 2014): 3x3 convolutions with batch-norm, one linear layer.

"Very Deep Convolutional Networks for Large-Scale Image Recognition", https://arxiv.org/abs/1409.1556, in the form
that li2019 and son2018 compress: a bias in every convolution, batch-norm after each, five max-pools, and instead of
three linear layers one from 512 features. Keys are those of K. Liu's ``pytorch-cifar`` (``features.0``, ``features.1``,
..., ``classifier``); those of the features are also torchvision's ``vgg16_bn``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...common.names import either
from ..family import CIFAR_IMAGE, Networks

STAGES = {
    11: ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    13: ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    16: ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
    19: ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
"""Output channels of the convolutions before each of the five max-pools, by depth."""


class CifarVGG(nn.Module):
    """VGG of 11, 13, 16 or 19 layers by the paper's count, for images of at least 32x32.

    Parameters
    ----------
    depth : int
        11, 13, 16 or 19.
    in_chans, num_classes : int
        Channels of the input and of the output.

    Notes
    -----
    Input ``(b, in_chans, h, w)``, already normalised; output logits ``(b, num_classes)``.
    """

    def __init__(self, depth: int, *, in_chans: int = 3, num_classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_chans
        for stage in STAGES[depth]:
            for out_channels in stage:
                layers += [
                    nn.Conv2d(channels, out_channels, 3, padding=1),
                    nn.BatchNorm2d(out_channels),
                    nn.ReLU(inplace=True),
                ]
                channels = out_channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (b, 512, h/32, w/32)
        return self.classifier(torch.mean(x, dim=(2, 3)))


VARIANTS = {f"vgg{depth}-cifar": {"depth": depth} for depth in STAGES}
FAMILY = Networks(
    CifarVGG,
    pattern="vgg{11|13|16|19}-cifar",
    example="vgg16-cifar",
    claimed=r"vgg-?\d+-cifar\d*",
    variants=VARIANTS,
    image=CIFAR_IMAGE,
    source="Simonyan and Zisserman 2014, with batch-norm and one linear layer",
    rule=f"the VGGs for CIFAR are {either(VARIANTS)}.",
)
