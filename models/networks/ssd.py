"""SSD300, single-shot detection on VGG-16 (Liu et al. 2016), with batch-norm so that it can be trained from scratch.

"SSD: Single Shot MultiBox Detector", https://arxiv.org/abs/1512.02325. yang2020 compresses it with batch-norm after
every convolution but those that predict, and counts 26.32 million parameters and statistics: this network's 26,318,254
with VOC's 20 classes. Keys are those of the ``ssd.pytorch`` of M. deGroot with its option ``batch_norm`` (``vgg.0``,
..., ``L2Norm``, ``extras.0``, ..., ``loc.0``, ``conf.0``), the further batch-norms counted along.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..family import Networks

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of VGG-16's convolutions before each max-pool."""
EXTRAS = ((256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 1, 0), (128, 256, 1, 0))
"""Pairs of a 1x1 and a 3x3 convolution: the channels of both, stride and padding of the second."""
BOXES = (4, 6, 6, 6, 4, 4)
"""Default boxes at each place of the six feature maps."""


class L2Norm(nn.Module):
    """Scale every place's channels to a length that is learnt channel by channel, 20 at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 20.0))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1, eps=1e-10) * self.weight[:, None, None]


class SSD300(nn.Module):
    """SSD for images of 300x300.

    Parameters
    ----------
    in_chans : int
        Colour channels.
    num_classes : int
        Classes with the background, which comes first; 21 for VOC.
    width : float
        Of all layers, relative to the original's: 0.5 halves the channels.

    Notes
    -----
    Input ``(b, in_chans, 300, 300)``. Output of the 8732 default boxes: offsets ``(b, 8732, 4)`` and logits
    ``(b, 8732, num_classes)``, feature map by feature map from the finest, row by row, box by box.
    """

    def __init__(self, *, in_chans: int = 3, num_classes: int = 21, width: float = 1.0) -> None:
        super().__init__()
        self.num_classes = num_classes

        def wide(channels: int) -> int:
            return max(1, round(width * channels))

        layers: list[nn.Module] = []
        channels = in_chans
        for number, stage in enumerate(STAGES):
            for out_channels in map(wide, stage):
                layers += _conv(channels, out_channels, 3, padding=1)
                channels = out_channels
            if number == 3:
                self.fine = len(layers)  # conv4_3 with its ReLU ends here: the first feature map
            # the third rounds its size up, to 38x38; the last keeps it
            layers.append(nn.MaxPool2d(2, ceil_mode=number == 2) if number < 4 else nn.MaxPool2d(3, 1, padding=1))
        layers += _conv(channels, wide(1024), 3, padding=6, dilation=6)
        layers += _conv(wide(1024), wide(1024), 1)
        self.vgg = nn.ModuleList(layers)
        self.L2Norm = L2Norm(wide(512))
        extras: list[nn.Module] = []
        channels = wide(1024)
        for narrow, out_channels, stride, padding in EXTRAS:
            extras += _conv(channels, wide(narrow), 1)
            extras += _conv(wide(narrow), wide(out_channels), 3, stride=stride, padding=padding)
            channels = wide(out_channels)
        self.extras = nn.ModuleList(extras)
        widths = [wide(channels) for channels in (512, 1024, *(channels for _, channels, _, _ in EXTRAS))]
        self.loc = nn.ModuleList(nn.Conv2d(c, 4 * n, 3, padding=1) for c, n in zip(widths, BOXES, strict=True))
        self.conf = nn.ModuleList(
            nn.Conv2d(c, num_classes * n, 3, padding=1) for c, n in zip(widths, BOXES, strict=True)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.feature_maps(x)
        offsets = [_by_box(head(m), 4) for head, m in zip(self.loc, maps, strict=True)]
        logits = [_by_box(head(m), self.num_classes) for head, m in zip(self.conf, maps, strict=True)]
        return torch.cat(offsets, dim=1), torch.cat(logits, dim=1)

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """Return the six maps that boxes are predicted from, 38x38 to 1x1."""
        for layer in self.vgg[: self.fine]:
            x = layer(x)
        maps = [self.L2Norm(x)]  # (b, 512, 38, 38)
        for layer in self.vgg[self.fine :]:
            x = layer(x)
        maps.append(x)  # (b, 1024, 19, 19)
        for index, layer in enumerate(self.extras, start=1):
            x = layer(x)
            if index % 6 == 0:  # two convolutions with batch-norm and ReLU
                maps.append(x)  # (b, 512, 10, 10), (b, 256, 5, 5), (b, 256, 3, 3), (b, 256, 1, 1)
        return maps


def _conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, dilation=dilation)
    return [conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


def _by_box(x: Tensor, values: int) -> Tensor:
    """``(b, boxes * values, h, w) -> (b, h * w * boxes, values)``."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


FAMILY = Networks(
    SSD300,
    pattern="ssd300-bn",
    example="ssd300-bn",
    claimed=r"ssd300.*",
    variants={"ssd300-bn": {}},
    image=(3, 300, 300),
    source="Liu et al. 2016, SSD on VGG-16, with batch-norm",
    rule="the SSD is 'ssd300-bn'; without batch-norm it is 'torchvision/ssd300_vgg16'.",
)
