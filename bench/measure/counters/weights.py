"""The audit of weights: what each parameter took part in, which no counter of products can tell.

A product that a counter does not see is missing in its sum without a trace. Its weight is not: it was given to some
operation. So each parameter is followed through views, casts and whatever is computed from parameters alone, to the
operations that apply it to something that depends on the input. These must be counted products or element-wise work.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ....methods import stored_tensors
from ....methods.contract.forward import call, evaluating
from .conditions import unfused
from .dispatched import make_counter
from .following import Following, operation_name, tensors_in

#: Operations that take a weight element by element, look up rows of it, or put it somewhere, beside those that torch
#: marks as pointwise.
ELEMENTWISE = frozenset(
    f"aten::{name}"
    for name in (
        # norms
        "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
        "miopen_batch_norm", "_batch_norm_with_update", "_batch_norm_no_update", "batch_norm_elemt",
        "native_layer_norm", "native_group_norm", "_fused_rms_norm",
        # tables that are looked up
        "embedding", "_embedding_bag", "_embedding_bag_forward_only", "index", "_unsafe_index", "index_select",
        "gather", "take", "grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback",
        # what is put beside or into something else
        "cat", "stack", "copy", "copy_", "index_put", "index_put_", "_index_put_impl_", "index_add", "index_add_",
        "index_copy", "index_copy_", "scatter", "scatter_", "scatter_add", "scatter_add_", "slice_scatter",
        "select_scatter", "masked_scatter", "masked_scatter_", "masked_fill", "masked_fill_",
        # activations and gates with parameters
        "_prelu_kernel", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell",
    )
)  # fmt: skip
#: Sums, which make a product of an element-wise one.
SUMS = frozenset(("aten::sum", "aten::mean"))
MULTIPLICATIONS = frozenset(("aten::mul", "aten::mul_"))


@dataclass
class WeightUse:
    """What the parameters of a model took part in.

    Attributes
    ----------
    unused
        Names of parameters that took part in nothing.
    uncounted
        Of each parameter that an operation took which is neither counted nor element-wise, these operations.
    by_hand
        Of each parameter that was multiplied with something and summed over, the multiply-accumulates of that.
    """

    unused: list[str] = field(default_factory=list)
    uncounted: dict[str, set[str]] = field(default_factory=dict)
    by_hand: dict[str, int] = field(default_factory=dict)


def audit_weights(model: nn.Module, example: Tensor | tuple[Any, ...]) -> WeightUse:
    """Run ``model`` once and follow its parameters, and the stored tensors of its compressed layers.

    Parameters
    ----------
    model
        Finished, or dense; not deployed, so that the names are those that its author knows. It is left as it was.
    example
        An input of it; on the meta device, if the model is.
    """
    audit = _Audit(named_weights(model), example, make_counter().flop_registry)
    with evaluating(model), unfused(), audit:
        call(model, example)
    return audit.result()


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return all parameters, and what else compressed layers store for their weights, by name."""
    named = dict(model.named_parameters())
    stored = {id(tensor) for tensor, _ in stored_tensors(model)}
    return named | {name: buffer for name, buffer in model.named_buffers() if id(buffer) in stored}


class _Audit(Following[str]):
    """Follows parameters by their names."""

    def __init__(self, named: Mapping[str, Tensor], example: Any, counted: Container[Any]) -> None:
        super().__init__(example, counted)
        self.counted = counted
        self.names = sorted(name for name, tensor in named.items() if tensor.numel())
        self.used: set[str] = set()
        self.uncounted: dict[str, set[str]] = {}
        self.by_hand: dict[str, int] = {}
        self._multiplied: dict[int, tuple[frozenset[str], list[int]]] = {}
        for name in self.names:
            self.label(named[name], frozenset((name,)))

    def result(self) -> WeightUse:
        """Return what was found."""
        return WeightUse([name for name in self.names if name not in self.used], self.uncounted, self.by_hand)

    def see(self, func: Any, args: Any, kwargs: Any, output: Any, labels: frozenset[str], dependent: bool) -> None:
        name = operation_name(func)
        if func.overloadpacket in self.counted or name == "aten::_local_scalar_dense":
            self.used |= labels
        elif dependent:
            self.used |= labels
            if torch.Tag.pointwise not in func.tags and name not in ELEMENTWISE and not func.is_view:
                for parameter in labels:
                    self.uncounted.setdefault(parameter, set()).add(name)
            self._look_for_sums(name, args, output)

    def _look_for_sums(self, name: str, args: Any, output: Any) -> None:
        """Find a matrix product that is written as an element-wise one and a sum over an index that the weight has."""
        if name in MULTIPLICATIONS:
            for weight in tensors_in(args):
                if names := self.labels([weight]):
                    self._multiplied[self.storage(output)] = names, _varying(weight, output)
        elif name in SUMS and (found := self._multiplied.get(self.storage(args[0]))):
            names, strides = found
            spans = _summed(args[0], args[1] if len(args) > 1 else None)
            if any(stride in span for stride in strides for span in spans):
                for parameter in names:
                    self.by_hand[parameter] = self.by_hand.get(parameter, 0) + args[0].numel()


def _varying(weight: Tensor, product: Tensor) -> list[int]:
    """Return the strides of the product's dimensions along which the weight is not the same."""
    places = zip(reversed(weight.shape), reversed(weight.stride()), reversed(product.stride()), strict=False)
    return [stride for size, own, stride in places if size != 1 and own != 0]


def _summed(product: Tensor, dims: list[int] | None) -> list[range]:
    """Return the strides that a sum over ``dims``, or over all, goes along."""
    dims = dims or list(range(product.dim()))
    return [range(product.stride(dim), product.stride(dim) * product.shape[dim]) for dim in dims]
