"""Our own families of models: their names, and what to say to names that are nearly one."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from torch import nn

from .errors import UnknownModelError
from .family import Family, ImageSize
from .networks.densenet_cifar import CifarDenseNet
from .networks.edsr import EDSR, SCALES
from .networks.resnet_cifar import CifarResNet
from .networks.resnet_imagenet_cifar import BLOCKS, ImageNetResNetForCifar
from .networks.srresnet import SRResNet
from .networks.ssd import SSD300
from .networks.vgg_cifar import STAGES, CifarVGG

IMAGENET_DEPTHS = tuple(BLOCKS)
"""Depths that a bare name is taken to mean ImageNet's ResNet by, although 50 and 152 are 6k+2."""
CLASSIFIER = MappingProxyType({"in_chans": 3, "num_classes": 10})
CIFAR_SIZE = (3, 32, 32)
SR_SCALES = "2, 3 or 4"
SR_OUTPUT = (720, 1280)
"""Height and width that the MACs of super-resolution are given for (Ahn et al. 2018 and since)."""
EDSR_SHAPES = ("r4f32", "r8f128", "r16f64", "r32f256")
"""The packaged one; li2019's EDSR-8-128; the authors' baseline and full model."""


class CifarResNets(Family):
    """``resnet8``, ``resnet14``, ``resnet20``, ..."""

    pattern = "resnet{6k+2}"
    example = "resnet20"
    kwargs = CLASSIFIER
    source = "He et al. 2016, option A shortcuts"
    own_weights = False

    def claims(self, name: str) -> bool:
        return re.fullmatch(r"resnet-?\d+", name) is not None

    def names(self) -> list[str]:
        return [f"resnet{depth}" for depth in range(8, 111, 6) if depth not in IMAGENET_DEPTHS]

    def input_size(self, name: str) -> ImageSize:
        return CIFAR_SIZE

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        depth = int(re.sub(r"\D", "", name))
        if depth in IMAGENET_DEPTHS:
            raise UnknownModelError(
                f"{name!r} could be ImageNet's ResNet-{depth}, which is 'torchvision/resnet{depth}', "
                f"'timm/resnet{depth}' or, with a stem for small images, 'resnet{depth}-cifar'; the CIFAR ResNets of "
                f"depth 6k+2 next to it are {_either(_depths_around(depth))}."
            )
        if name != f"resnet{depth}" or depth < 8 or (depth - 2) % 6:
            raise UnknownModelError(
                f"{name!r}: a CIFAR ResNet has depth 6k+2, k >= 1 (8, 14, 20, ...). "
                f"Did you mean {_either(_depths_around(depth))}? ImageNet's ResNets are 'torchvision/resnet18', "
                "'timm/resnet18' and, with a stem for small images, 'resnet18-cifar'."
            )
        return CifarResNet((depth - 2) // 6, **kwargs)


class ImageNetResNetsForCifar(Family):
    """``resnet18-cifar``, ..., ``resnet152-cifar``."""

    pattern = "resnet{18|34|50|101|152}-cifar"
    example = "resnet18-cifar"
    kwargs = CLASSIFIER
    source = "He et al. 2016, ImageNet's form with a 3x3 stem and projection shortcuts"
    own_weights = False

    def claims(self, name: str) -> bool:
        return re.fullmatch(r"resnet-?\d+-cifar\d*", name) is not None

    def names(self) -> list[str]:
        return [f"resnet{depth}-cifar" for depth in BLOCKS]

    def input_size(self, name: str) -> ImageSize:
        return CIFAR_SIZE

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        if name not in self.names():
            raise UnknownModelError(
                f"{name!r}: ImageNet's ResNets for CIFAR are {_either(self.names())}; "
                "those of He et al.'s CIFAR table are 'resnet20', 'resnet32', ..., without -cifar."
            )
        return ImageNetResNetForCifar(int(re.findall(r"\d+", name)[0]), **kwargs)


class CifarVGGs(Family):
    """``vgg11-cifar``, ..., ``vgg19-cifar``."""

    pattern = "vgg{11|13|16|19}-cifar"
    example = "vgg16-cifar"
    kwargs = CLASSIFIER
    source = "Simonyan and Zisserman 2014, with batch-norm and one linear layer"
    own_weights = False

    def claims(self, name: str) -> bool:
        return re.fullmatch(r"vgg-?\d+-cifar\d*", name) is not None

    def names(self) -> list[str]:
        return [f"vgg{depth}-cifar" for depth in STAGES]

    def input_size(self, name: str) -> ImageSize:
        return CIFAR_SIZE

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        if name not in self.names():
            raise UnknownModelError(f"{name!r}: the VGGs for CIFAR are {_either(self.names())}.")
        return CifarVGG(int(re.findall(r"\d+", name)[0]), **kwargs)


class CifarDenseNets(Family):
    """``densenet40``, ``densenet100``, ``densenet121-cifar``."""

    pattern = "densenet{40|100}, densenet121-cifar"
    example = "densenet40"
    kwargs = CLASSIFIER
    source = "Huang et al. 2017: growth 12 without bottlenecks; ImageNet's form with a 3x3 stem"
    own_weights = False
    shapes = MappingProxyType(
        {
            "densenet40": {"layers": (12,) * 3, "growth": 12, "stem": 24, "bottleneck": False, "reduction": 1},
            "densenet100": {"layers": (32,) * 3, "growth": 12, "stem": 24, "bottleneck": False, "reduction": 1},
            "densenet121-cifar": {
                "layers": (6, 12, 24, 16),
                "growth": 32,
                "stem": 64,
                "bottleneck": True,
                "reduction": 2,
            },
        }
    )

    def claims(self, name: str) -> bool:
        return re.fullmatch(r"densenet-?\d+(-cifar\d*)?", name) is not None

    def names(self) -> list[str]:
        return list(self.shapes)

    def input_size(self, name: str) -> ImageSize:
        return CIFAR_SIZE

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        if name not in self.shapes:
            raise UnknownModelError(
                f"{name!r}: the DenseNets for CIFAR are {_either(self.names())}; "
                "ImageNet's are 'torchvision/densenet121', 'timm/densenet121', ..."
            )
        return CifarDenseNet(**self.shapes[name], **kwargs)


class EDSRs(Family):
    """``edsr-r4f32x2``: 4 residual blocks of 32 features, scale 2."""

    pattern = "edsr-r{blocks}f{features}x{2|3|4}"
    example = "edsr-r4f32x2"
    kwargs = MappingProxyType({"in_chans": 3, "res_scale": None})
    source = "Lim et al. 2017, EDSR: r32f256 in full, r16f64 its baseline"
    own_weights = False

    def claims(self, name: str) -> bool:
        return name.startswith("edsr")

    def names(self) -> list[str]:
        return [f"edsr-{shape}x{scale}" for shape in EDSR_SHAPES for scale in SCALES]

    def input_size(self, name: str) -> ImageSize:
        return _low_resolution(name)

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        match = re.fullmatch(r"edsr-r([1-9]\d*)f([1-9]\d*)x(\d+)", name)
        if match is None:
            raise UnknownModelError(
                f"{name!r}: an EDSR is named edsr-r<blocks>f<features>x<scale>, such as {self.example!r}."
            )
        blocks, features, scale = map(int, match.groups())
        if scale not in SCALES:
            choices = ", ".join(f"'edsr-r{blocks}f{features}x{choice}'" for choice in SCALES)
            raise UnknownModelError(f"{name!r}: EDSR's scale is {SR_SCALES}, not {scale}: {choices}.")
        return EDSR(blocks, features, scale, **kwargs)


class SRResNets(Family):
    """``srresnet-x2``, ``srresnet-x3``, ``srresnet-x4``."""

    pattern = "srresnet-x{2|3|4}"
    example = "srresnet-x4"
    kwargs = MappingProxyType({"in_chans": 3, "blocks": 16, "features": 64})
    source = "Ledig et al. 2017, SRResNet"
    own_weights = False

    def claims(self, name: str) -> bool:
        return name.startswith("srresnet")

    def names(self) -> list[str]:
        return [f"srresnet-x{scale}" for scale in SCALES]

    def input_size(self, name: str) -> ImageSize:
        return _low_resolution(name)

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        if name not in self.names():
            raise UnknownModelError(f"{name!r}: the SRResNets are {_either(self.names())}.")
        return SRResNet(int(name[-1]), **kwargs)


class SSDs(Family):
    """``ssd300-bn``."""

    pattern = "ssd300-bn"
    example = "ssd300-bn"
    kwargs = MappingProxyType({"in_chans": 3, "num_classes": 21, "width": 1.0})
    source = "Liu et al. 2016, SSD on VGG-16, with batch-norm"
    own_weights = False

    def claims(self, name: str) -> bool:
        return name.startswith("ssd300")

    def input_size(self, name: str) -> ImageSize:
        return (3, 300, 300)

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self.check_kwargs(name, kwargs)
        if name != self.example:
            raise UnknownModelError(
                f"{name!r}: the SSD is {self.example!r}; without batch-norm it is 'torchvision/ssd300_vgg16'."
            )
        return SSD300(**kwargs)


def _low_resolution(name: str) -> ImageSize:
    """The input of a model named ``...x<scale>`` whose output is 1280x720, as nearly as its scale allows."""
    scale = int(name[-1])
    height, width = SR_OUTPUT
    return 3, height // scale, width // scale


def _depths_around(depth: int) -> list[str]:
    """The names of the CIFAR ResNets below and above ``depth``; the one below may have just that depth."""
    below = max(8, depth - (depth - 2) % 6)
    around = (below, max(8, below + 6 * (depth > below)))
    if depth in IMAGENET_DEPTHS and depth == below:
        around = (below - 6, below + 6)
    return [f"resnet{choice}" for choice in dict.fromkeys(around)]


def _either(names: list[str]) -> str:
    """``'a', 'b' or 'c'``."""
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
