"""The weights of a model's linear layers, those of attention that no linear layer holds among them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from ..contract.spec import ATTENTION_WEIGHTS


def weights_of(module: nn.Module) -> Iterator[Tensor]:
    """Yield the weights that a module itself has as a linear layer, or as attention with its projections."""
    if isinstance(module, nn.Linear):
        yield module.weight
    elif isinstance(module, nn.MultiheadAttention):
        yield from (weight for name in ATTENTION_WEIGHTS if (weight := getattr(module, name)) is not None)


def linear_weights(model: nn.Module) -> int:
    """Count the elements of the weights of linear layers that are not compressed, a shared one once."""
    weights = {id(weight): weight.numel() for module in model.modules() for weight in weights_of(module)}
    return sum(weights.values())
