"""Layers that stand where a linear layer was: a method's compressed convolution, or one that is still to train."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..contract.layers import GEOMETRY, CompressedConv2d
from ..contract.spec import ConvSpec
from .forms import OnTokens, as_products, linear_with, on_tokens
from .pointwise import PointwiseConv2d, computes_weight, with_products


class LinearInTraining(OnTokens):
    """A linear layer that trains as the convolution that a method will decompose when training has ended.

    Parameters
    ----------
    conv
        From `as_convolution`. The method holds it, too.
    """

    module: PointwiseConv2d

    def __init__(self, conv: PointwiseConv2d) -> None:
        super().__init__(conv)
        self.in_features, self.out_features = conv.in_channels, conv.out_channels
        self.train(conv.training)

    @property
    def weight(self) -> Tensor:
        """The weight ``(n, c)``, as a network may read it."""
        return self.module.weight.flatten(1)

    @property
    def bias(self) -> Tensor | None:
        """The bias, as a network may read it."""
        return self.module.bias


class InPlaceOfLinear(CompressedConv2d):
    """A layer that stands where a linear layer was, with the attributes of one. Its dense weight is ``(n, c)``.

    Parameters
    ----------
    spec
        The linear layer that is replaced.
    """

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__(spec)
        self.in_features, self.out_features = spec.in_channels, spec.out_channels

    def __getattr__(self, name: str) -> Any:
        if name in GEOMETRY:
            raise AttributeError(f"{type(self).__name__} stands for a linear layer: it has no {name}")
        return super().__getattr__(name)

    @property
    @abstractmethod
    def bias(self) -> Tensor | None:
        """The bias, as a network may read it."""

    def bias_tensor(self) -> Tensor | None:
        return self.bias

    def dense(self) -> nn.Linear:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the equal linear layer, its weight computed once."""
        return linear_with(self.dense_weight(), self.bias).train(self.training)


class CompressedLinear(InPlaceOfLinear):
    """A method's compressed convolution on the last dimension of tokens.

    It is asked for its size, its weight and its forms as any compressed layer. The forms are products on the last
    dimension.

    Parameters
    ----------
    layer
        What a method made of the linear layer as a 1×1 convolution. Its 1×1 convolutions are computed as products.
    """

    def __init__(self, layer: CompressedConv2d) -> None:
        super().__init__(layer.spec)
        self.linear = layer.linear
        self.layer = layer
        with_products(layer)

    @property
    def bias(self) -> Tensor | None:
        return self.layer.bias_tensor()

    def forward(self, x: Tensor) -> Tensor:
        if computes_weight(self.layer):
            return F.linear(x, self.layer.dense_weight().flatten(1), self.bias)
        return on_tokens(self.layer, x)

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        return self.layer.weight_tensors()

    def extra_bits(self) -> int:
        return self.layer.extra_bits()

    def quantised_weights(self) -> int:
        return self.layer.quantised_weights()

    def shared_macs(self) -> int | None:
        return self.layer.shared_macs()

    def dense_weight(self) -> Tensor:
        """Return the weight ``(n, c)`` of the linear layer that this one is equal to; see the base class."""
        return self.layer.dense_weight().flatten(1)

    def compact(self) -> nn.Module:
        return as_products(self.layer.compact())

    def forms(self) -> dict[str, nn.Module]:
        forms = self.layer.forms()
        return {name: self.dense() if name == "dense" else as_products(form) for name, form in forms.items()}


def standing_in(spec: ConvSpec, new: nn.Module) -> nn.Module:
    """Return what goes into the model in the place of ``spec``: ``new``, on tokens if that is a linear layer."""
    if not spec.is_linear:
        return new
    layer = CompressedLinear(new) if isinstance(new, CompressedConv2d) else OnTokens(new)
    return layer.train(new.training)


class MapsOfTokens:
    """A linear layer's activations as a convolution's: tokens ``(b, …, c)`` as maps ``(b, c, 1, t)``.

    Parameters
    ----------
    activations
        Pairs of inputs and outputs.
    """

    def __init__(self, activations: Iterable[tuple[Tensor, Tensor]]) -> None:
        self.activations = activations

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return ((_as_map(inputs), _as_map(targets)) for inputs, targets in self.activations)


def _as_map(tokens: Tensor) -> Tensor:
    return tokens.reshape(len(tokens), -1, tokens.shape[-1]).mT[:, :, None]
