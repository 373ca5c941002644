"""What a model really stores, counted on the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from .layers import CompressedConv2d


@dataclass(frozen=True)
class StoredCount:
    """Stored elements that stand for conv weights, and their bits."""

    weights: int
    bits: int


def count_stored(model: nn.Module) -> StoredCount:
    """Count a model's conv weights as they are stored; a tensor that several layers share counts once."""
    seen: dict[int, tuple[int, int]] = {}
    for tensor, bits in stored_tensors(model):
        seen[id(tensor)] = (tensor.numel(), tensor.numel() * bits)
    extra = sum(module.extra_bits() for module in model.modules() if isinstance(module, CompressedConv2d))
    return StoredCount(sum(weights for weights, _ in seen.values()), sum(bits for _, bits in seen.values()) + extra)


def stored_tensors(module: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Yield conv weights and the bits of one element; a compressed layer speaks for all that is inside it."""
    if isinstance(module, CompressedConv2d):
        yield from module.weight_tensors()
    elif isinstance(module, _ConvNd):
        yield module.weight, 32
    else:
        for child in module.children():
            yield from stored_tensors(child)
