"""The scope of a plan: which layers it is about, and how much of the model these are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from ..contract.spec import Layers
from ..linear_layers.weights import linear_weights


@dataclass(frozen=True)
class Scope:
    """What a plan is about.

    Attributes
    ----------
    layers
        ``"conv"``: convolutions; ``"conv+linear"``: linear layers, too.
    split
        By path, into how many parts a linear layer is cut before its parts are compressed.
    linear_weights
        Elements of the weights of all linear layers of the dense model.
    parameters
        Elements of all parameters of the dense model.
    """

    layers: Layers = "conv"
    split: Mapping[str, int] = field(default_factory=dict)
    linear_weights: int = 0
    parameters: int = 0

    @classmethod
    def of(cls, model: nn.Module, layers: Layers, split: Mapping[str, int], compressed: Collection[str]) -> Scope:
        """Return the scope of a plan for ``model`` that compresses the layers at ``compressed``.

        A linear layer is cut only if one of its parts is compressed.
        """
        cut = {path: n for path, n in split.items() if any(f"{path}.{part}" in compressed for part in range(n))}
        return cls(layers, cut, linear_weights(model), sum(parameter.numel() for parameter in model.parameters()))

    def followed_by(self, later: Scope) -> Scope:
        """Return the scope of this plan and a ``later`` one together, about the model that was dense before both."""
        layers = "conv+linear" if "conv+linear" in (self.layers, later.layers) else "conv"
        return Scope(layers, {**self.split, **later.split}, self.linear_weights, self.parameters)

    @property
    def what(self) -> str:
        """What is counted, in words: ``conv weights``, ``conv and linear weights``."""
        return "conv" if self.layers == "conv" else "conv and linear"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain mapping."""
        return asdict(self)
