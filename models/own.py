"""Our own families of models."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from torch import nn

from .edsr import EDSR, SCALES
from .errors import UnknownModelError
from .family import Family
from .resnet_cifar import CifarResNet


class CifarResNets(Family):
    """``resnet8``, ``resnet14``, ``resnet20``, ..."""

    pattern = "resnet{6k+2}"
    example = "resnet20"
    kwargs = MappingProxyType({"in_chans": 3, "num_classes": 10})
    source = "He et al. 2016, option A shortcuts"
    own_weights = False

    def claims(self, name: str) -> bool:
        return re.fullmatch(r"resnet-?\d+", name) is not None

    def build(self, name: str, *, pretrained: bool, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        depth = int(re.sub(r"\D", "", name))
        if name != f"resnet{depth}" or depth < 8 or (depth - 2) % 6:
            below = max(8, depth - (depth - 2) % 6)
            choices = dict.fromkeys((below, max(8, below + 6 * (depth > below))))
            names = " or ".join(f"'resnet{choice}'" for choice in choices)
            raise UnknownModelError(
                f"{name!r}: a CIFAR ResNet has depth 6k+2, k >= 1 (8, 14, 20, ...). "
                f"Did you mean {names}? ImageNet's ResNets are 'torchvision/resnet18' and 'timm/resnet18'."
            )
        return CifarResNet((depth - 2) // 6, **kwargs)


class EDSRs(Family):
    """``edsr-r4f32x2``: 4 residual blocks of 32 features, scale 2."""

    pattern = "edsr-r{blocks}f{features}x{2|3|4}"
    example = "edsr-r4f32x2"
    kwargs = MappingProxyType({"in_chans": 3, "res_scale": None})
    source = "Lim et al. 2017, EDSR"
    own_weights = False

    def claims(self, name: str) -> bool:
        return name.startswith("edsr")

    def build(self, name: str, *, pretrained: bool, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        match = re.fullmatch(r"edsr-r([1-9]\d*)f([1-9]\d*)x(\d+)", name)
        if match is None:
            raise UnknownModelError(
                f"{name!r}: an EDSR is named edsr-r<blocks>f<features>x<scale>, such as {self.example!r}."
            )
        blocks, features, scale = map(int, match.groups())
        if scale not in SCALES:
            choices = ", ".join(f"'edsr-r{blocks}f{features}x{choice}'" for choice in SCALES)
            raise UnknownModelError(f"{name!r}: EDSR's scale is 2, 3 or 4, not {scale}: {choices}.")
        return EDSR(blocks, features, scale, **kwargs)
