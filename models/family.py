"""Families of models: names of one pattern, what their models take, and how one of them is built."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from torch import nn

from ..common.names import either, suggestion
from .errors import ModelSettingError, UnknownModelError

ImageSize = tuple[int, int, int]
"""Channels, height and width of one image."""

CIFAR_IMAGE: ImageSize = (3, 32, 32)
HD_IMAGE: ImageSize = (3, 720, 1280)
"""The output that the MACs of super-resolution are given for (Ahn et al. 2018 and since)."""


class Family(ABC):
    """Models that share a pattern of names: some of our own networks, or a library's models."""

    pattern: str
    example: str
    source: str
    own_weights: bool = False
    """Whether ``pretrained=True`` is the family's own download instead of the packaged weights."""

    @abstractmethod
    def claims(self, name: str) -> bool:
        """Whether the name is of this family, valid or not."""

    @abstractmethod
    def names(self) -> list[str]:
        """Names that load: all of them where they are few, else the usual ones."""

    @abstractmethod
    def defaults(self) -> dict[str, Any]:
        """Keyword arguments that the models take, with their defaults; of a library those that most of them take."""

    @abstractmethod
    def input_size(self, name: str) -> ImageSize | None:
        """Channels, height and width of the input that a model's MACs are usually given for; None where unknown."""

    @abstractmethod
    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        """Build the model; ``pretrained`` is true only where ``own_weights`` is, or one of ``weights_names``."""

    def weights_names(self, name: str) -> list[str]:
        """Names by which the family's own weights for a model are told apart; most have none."""
        return []


@dataclass(frozen=True, eq=False)
class Networks(Family):
    """A family of our own: one network class, and the settings that each name stands for.

    Attributes
    ----------
    network
        Called with a name's settings and the user's keyword arguments, which are its parameters with a default.
    pattern, example
        The rule of the names for people, and one of the names.
    claimed
        Regular expression of all names that mean this family, those with a mistake included.
    variants
        Settings by name: of all names, or where there is no end of them, of the usual ones.
    image
        The input that MACs are given for; where ``scale`` is a setting, the output, which is so many times as large.
    source
        The paper, and which form of its network this is.
    rule
        What to say to a name that is claimed and means no network.
    parse
        Settings of a name that is not in ``variants``, None where it means no network.
    """

    network: Callable[..., nn.Module]
    pattern: str
    example: str
    claimed: str
    variants: Mapping[str, Mapping[str, Any]]
    image: ImageSize
    source: str
    rule: str | Callable[[str], str]
    parse: Callable[[str], Mapping[str, Any] | None] = lambda name: None

    def claims(self, name: str) -> bool:
        return re.fullmatch(self.claimed, name) is not None

    def names(self) -> list[str]:
        return list(self.variants)

    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Return the parameters of the network, by name."""
        return inspect.signature(self.network).parameters

    def defaults(self) -> dict[str, Any]:
        return {one.name: one.default for one in self.parameters().values() if one.default is not one.empty}

    def input_size(self, name: str) -> ImageSize:
        channels, height, width = self.image
        scale = self.settings(name).get("scale", 1)
        return channels, height // scale, width // scale

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        self._check(name, kwargs)
        return self.network(**self.settings(name), **kwargs)

    def settings(self, name: str) -> Mapping[str, Any]:
        """Return the settings that a name stands for.

        Raises
        ------
        UnknownModelError
            It stands for none; the message gives the rule.
        """
        found = self.variants[name] if name in self.variants else self.parse(name)
        if found is None:
            raise UnknownModelError(f"{name!r}: {self.rule if isinstance(self.rule, str) else self.rule(name)}")
        return found

    def _check(self, name: str, kwargs: Mapping[str, Any]) -> None:
        """Refuse keyword arguments that the network does not take, counts that are none, and none of its choices."""
        defaults, parameters = self.defaults(), inspect.signature(self.network, eval_str=True).parameters
        for key, value in kwargs.items():
            if key not in defaults:
                hint = suggestion(key, defaults)
                raise ModelSettingError(f"{name} takes no {key!r}{hint}; it takes {', '.join(defaults)}.")
            choices = get_args(hint) if get_origin(hint := parameters[key].annotation) is Literal else ()
            if choices:
                if not any(type(value) is type(one) and value == one for one in choices):
                    raise ModelSettingError(f"{name}: {key} is {either(choices)}, not {value!r}.")
            elif isinstance(defaults[key], int) and not _is_count(value):
                raise ModelSettingError(f"{name}: {key} must be a positive whole number, not {value!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
