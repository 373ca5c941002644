"""What a family of models is: its names, what it takes, how one of it is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from torch import nn

from .errors import ModelSettingError, nearest

ImageSize = tuple[int, int, int]
"""Channels, height and width of one image."""


class Family(ABC):
    """Models that share a pattern of names."""

    pattern: ClassVar[str]
    example: ClassVar[str]
    kwargs: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    source: ClassVar[str]
    own_weights: ClassVar[bool]
    """Whether ``pretrained=True`` is the family's own download instead of the packaged weights."""

    @abstractmethod
    def claims(self, name: str) -> bool:
        """Whether the name is of this family, be it valid or not."""

    @abstractmethod
    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        """Build the model; ``pretrained`` is true only where ``own_weights`` is, or one of ``weights_names``."""

    def weights_names(self, name: str) -> list[str]:
        """Names by which the family's own weights for a model are told apart; most have none."""
        return []

    def names(self) -> list[str]:
        """Names that load: all of them where they are few, else the usual ones."""
        return [self.example]

    @abstractmethod
    def input_size(self, name: str) -> ImageSize | None:
        """Channels, height and width of the input that a model's MACs are usually given for; None where unknown."""

    def check_kwargs(self, name: str, kwargs: Mapping[str, Any]) -> None:
        """Refuse keyword arguments that the family does not take, and counts that are none."""
        for key, value in kwargs.items():
            if key not in self.kwargs:
                allowed = ", ".join(self.kwargs)
                raise ModelSettingError(f"{name} takes no {key!r}; it takes {allowed}.{nearest(key, self.kwargs)}")
            if isinstance(self.kwargs[key], int) and not _is_count(value):
                raise ModelSettingError(f"{name}: {key} must be a positive whole number, not {value!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
