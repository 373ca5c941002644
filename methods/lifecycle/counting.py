"""The stored count: weights and bits of a model's convolutions, counted on the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..contract.layers import CompressedConv2d
from ..contract.rewrite import compressed_layers
from ..contract.soundness.memory import Extent, extent
from ..contract.spec import Layers
from ..linear_layers.weights import weights_of


@dataclass(frozen=True)
class StoredCount:
    """The size of all that a model stores for its conv weights.

    Attributes
    ----------
    weights
        Stored elements.
    bits
        Their stored bits, and those of what is needed to read them.
    quantised
        Those of the elements that are values of 8 bits or fewer; an index is not a value.
    """

    weights: int
    bits: int
    quantised: int = 0


def count_stored(model: nn.Module, layers: Layers = "conv") -> StoredCount:
    """Count a model's conv weights as they are stored; memory that several layers share counts once.

    With ``layers="conv+linear"`` the weights of linear layers are counted, too.
    """
    seen: dict[Extent | int, tuple[int, int]] = {}
    # all at once: the weight of a parametrized layer is made when it is read, and its id is good while it lives
    for tensor, bits in list(stored_tensors(model, layers)):
        seen[extent(tensor) or id(tensor)] = (tensor.numel(), tensor.numel() * bits)
    compressed = {layer for layer in compressed_layers(model).values() if _counts(layer, layers)}
    extra = sum(layer.extra_bits() for layer in compressed)
    quantised = sum(layer.quantised_weights() for layer in compressed)
    bits = sum(bits for _, bits in seen.values()) + extra
    return StoredCount(sum(weights for weights, _ in seen.values()), bits, quantised)


def stored_tensors(module: nn.Module, layers: Layers = "conv") -> Iterator[tuple[Tensor, int]]:
    """Yield each stored conv weight with the bits of one element; a compressed layer answers for its inner modules.

    With ``layers="conv+linear"`` those of linear layers are among them.
    """
    if isinstance(module, CompressedConv2d):
        if _counts(module, layers):
            yield from module.weight_tensors()
        return
    if isinstance(module, _ConvNd):
        yield module.weight, 8 * module.weight.element_size()
        return
    if layers == "conv+linear":
        yield from ((weight, 8 * weight.element_size()) for weight in weights_of(module))
    for child in module.children():
        yield from stored_tensors(child, layers)


def _counts(layer: CompressedConv2d, layers: Layers) -> bool:
    return layers == "conv+linear" or not layer.spec.is_linear
