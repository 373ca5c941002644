"""The registry of models: all families, and which one a name belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import torch
from torch import nn

from ..common.names import suggestion
from ..common.plugins import load_installed
from .errors import ModelNameError, UnknownModelError
from .external import TimmModels, TorchvisionModels
from .family import CIFAR_IMAGE, Family, ImageSize, Networks
from .networks import densenet_cifar, edsr, resnet_cifar, resnet_imagenet_cifar, srresnet, ssd, vgg_cifar
from .weights import packaged_weights

OWN: tuple[Family, ...] = tuple(
    module.FAMILY for module in (resnet_cifar, resnet_imagenet_cifar, vgg_cifar, densenet_cifar, edsr, srresnet, ssd)
)
LIBRARIES = (TimmModels(), TorchvisionModels())
FAMILIES: tuple[Family, ...] = (*OWN, *LIBRARIES)

N = TypeVar("N", bound=Callable[..., nn.Module])

_of_plugins: dict[str, Networks] = {}


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


def register_model(name: str, *, image: ImageSize = CIFAR_IMAGE, source: str = "") -> Callable[[N], N]:
    """Make a network of a plugin's known by a name; decorates its class, or a function that returns it.

    Parameters
    ----------
    name : str
        For suites and `load_model`.
    image : tuple of int
        Channels, height and width of the input that its MACs are given for.
    source : str
        Paper or library.

    Raises
    ------
    ModelNameError
        Another model has the name, or a parameter of the network has no default. A task gives some by keyword:
        ``in_chans`` and, for classification, ``num_classes``.

    Examples
    --------
    >>> @register_model("my-net")
    ... class MyNet(nn.Sequential):
    ...     def __init__(self, in_chans: int = 3, num_classes: int = 10) -> None:
    ...         super().__init__(nn.Conv2d(in_chans, num_classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    """

    def decorate(network: N) -> N:
        known = _of_plugins.get(name)
        others = [family.pattern for family in FAMILIES if family.claims(name)]
        if known is not None and _origin(known.network) != _origin(network):
            others.append(".".join(_origin(known.network)))
        if others:
            raise ModelNameError(f"a model cannot be called {name!r}: that name is taken by {others[0]}.")
        family = Networks(network, name, name, re.escape(name), {name: {}}, image, source, rule="")
        if required := sorted({*family.parameters()} - {*family.defaults()}):
            raise ModelNameError(f"{name}: every parameter must have a default; {', '.join(required)} has none.")
        _of_plugins[name] = family
        return network

    return decorate


def plugin_module(name: str) -> str | None:
    """Return the module of the plugin that has a model; None for a model of ours or of a library."""
    family = _of_plugins.get(name)
    return None if family is None else _origin(family.network)[0]


def _origin(network: Callable[..., nn.Module]) -> tuple[str, str]:
    return network.__module__, network.__qualname__


def _all_families() -> tuple[Family, ...]:
    """Return all families, those of installed plugins included."""
    load_installed()
    return (*OWN, *_of_plugins.values(), *LIBRARIES)


def family_of(name: str) -> Family:
    """The family that a name belongs to.

    Raises
    ------
    UnknownModelError
        None does; the message gives the patterns and the nearest names.
    """
    for family in FAMILIES:  # ours first: plugins are not looked for in vain
        if family.claims(name):
            return family
    families = _all_families()
    for family in families:
        if family.claims(name):
            return family
    known = [known for family in families if family not in LIBRARIES for known in family.names()]
    known += [weights.model for weights in packaged_weights()]
    patterns = ", ".join(family.pattern for family in families)
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
        names = [name for family in _all_families() if family not in LIBRARIES for name in family.names()]
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
