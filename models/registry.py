"""The registry of models: all families, and which one a name belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch

from ..common.names import suggestion
from .errors import UnknownModelError
from .external import TimmModels, TorchvisionModels
from .family import Family, ImageSize
from .networks import densenet_cifar, edsr, resnet_cifar, resnet_imagenet_cifar, srresnet, ssd, vgg_cifar
from .weights import packaged_weights

OWN: tuple[Family, ...] = tuple(
    module.FAMILY for module in (resnet_cifar, resnet_imagenet_cifar, vgg_cifar, densenet_cifar, edsr, srresnet, ssd)
)
LIBRARIES = (TimmModels(), TorchvisionModels())
FAMILIES: tuple[Family, ...] = (*OWN, *LIBRARIES)


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model, or of a library's models, without building it.

    Attributes
    ----------
    name : str
        A name that loads, or the pattern of a library's names (``timm/<name>``).
    input_size : tuple of int, optional
        Channels, height and width that its MACs are usually given for: the images it is made for, and for
        super-resolution what gives an output of 1280x720.
    kwargs : dict
        Keyword arguments with their defaults; for timm and torchvision those that most of their models take.
    packaged : tuple of str
        Data with packaged weights.
    source : str
        Paper or library.
    """

    name: str
    input_size: ImageSize | None
    kwargs: dict[str, Any]
    packaged: tuple[str, ...]
    source: str

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for any of a library."""
        return "<" in self.name


def family_of(name: str) -> Family:
    """The family that a name belongs to.

    Raises
    ------
    UnknownModelError
        None does; the message gives the patterns and the nearest names.
    """
    for family in FAMILIES:
        if family.claims(name):
            return family
    known = [known for family in OWN for known in family.names()]
    known += [weights.model for weights in packaged_weights()]
    patterns = ", ".join(family.pattern for family in FAMILIES)
    hint = suggestion(name, dict.fromkeys(known))
    raise UnknownModelError(f"No model is called {name!r}{hint}. Names are {patterns}.{_hint_elsewhere(name)}")


def _hint_elsewhere(name: str) -> str:
    """Where a name is that of a timm or torchvision model without its prefix, say so."""
    full = [f"{family.prefix}{name}" for family in LIBRARIES if name in family.names()]
    return f" The libraries have {' and '.join(map(repr, full))}." if full else ""


def list_models(pattern: str = "*") -> list[ModelInfo]:
    """The models whose names match a glob pattern.

    Parameters
    ----------
    pattern : str
        ``*`` is all of ours, the usual ones of each family, and one line for each library. ``timm/resnet*`` looks
        among that library's names.

    Raises
    ------
    UnknownModelError
        A pattern that nothing matches. A name that is not in the list, such as ``edsr-r5f48x2``, but loads is no error.
    """
    library = next((family for family in LIBRARIES if pattern.startswith(family.prefix)), None)
    if library is not None:
        names = [library.prefix + name for name in library.names()]
    else:
        names = [name for family in OWN for name in family.names()]
    found = [_info(name) for name in names if fnmatchcase(name, pattern)]
    if pattern == "*":
        found += [ModelInfo(family.pattern, None, family.defaults(), (), family.source) for family in LIBRARIES]
    if not found and not set(pattern) & set("*?["):
        with torch.device("meta"):
            family_of(pattern).build(pattern, pretrained=False)  # what does not load is refused there
        return [_info(pattern)]
    if not found:
        raise UnknownModelError(f"No model's name matches {pattern!r}{suggestion(pattern.strip('*'), names)}.")
    return found


def _info(name: str) -> ModelInfo:
    family = family_of(name)
    packaged = tuple(weights.data for weights in packaged_weights(name))
    return ModelInfo(name, family.input_size(name), family.defaults(), packaged, family.source)
