"""Matrix products: the multiply-accumulates (MACs) of torch's functions, from what they are called with."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .contractions import chain_macs, einsum_macs, equation_of


@dataclass(frozen=True)
class Call:
    """One call of a function: what it was given and what it returned."""

    args: Sequence[Any]
    given: Mapping[str, Any]
    output: Any

    def at(self, index: int, *names: str) -> Any:
        """Return the argument at a place, or the one of these names; None if there is none."""
        if index < len(self.args):
            return self.args[index]
        return next((self.given[name] for name in names if name in self.given), None)


class ProductCounter(TorchFunctionMode):
    """A context that counts the MACs of every matrix product called in it.

    These are convolutions, linear layers, products of matrices, vectors and tensors, bilinear forms, attention and
    recurrent layers. Element-wise work counts nothing.

    Attributes
    ----------
    macs
        The sum so far, over all images of a batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        output = func(*args, **given)
        formula = FORMULAS.get(getattr(func, "__name__", "").partition(".")[0])
        if formula is not None and getattr(func, "__module__", None) in MODULES:
            self.macs += formula(Call(args, given, output))
        return output


def _matmul(call: Call) -> int:
    first, second = call.at(0, "input", "self"), call.at(1, "other", "mat2", "vec", "tensor", "weight")
    # with a number for an operand, torch.inner multiplies element by element
    return call.output.numel() * first.shape[-1] if first.dim() and second.dim() else 0


def _reversed_matmul(call: Call) -> int:
    return call.output.numel() * call.args[1].shape[-1]


def _added_matmul(call: Call) -> int:
    first, second = call.at(1, "mat1", "mat", "batch1"), call.at(2, "mat2", "vec", "batch2")
    return first.numel() * (second.shape[-1] if second.dim() > 1 else 1)


def _conv(call: Call) -> int:
    return call.output.numel() * call.at(1, "weight")[0].numel()


def _conv_transpose(call: Call) -> int:
    return call.at(0, "input").numel() * call.at(1, "weight")[0].numel()


def _einsum(call: Call) -> int:
    equation, operands = call.args[0], list(call.args[1:])
    if not isinstance(equation, str):
        equation, operands = equation_of(call.args)
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    return einsum_macs(equation, [operand.shape for operand in operands], _einsum_path(equation, operands))


def _einsum_path(equation: str, operands: Sequence[Tensor]) -> Any:
    """Return the order in which torch contracts more than two operands, None for from left to right."""
    from torch.backends import opt_einsum

    if len(operands) <= 2 or not opt_einsum.enabled or not opt_einsum.is_available():
        return None
    return opt_einsum.get_opt_einsum().contract_path(equation, *operands, optimize=opt_einsum.strategy)[0]


def _tensordot(call: Call) -> int:
    first, dims = call.at(0, "a", "self"), call.at(2, "dims")
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if dims is None or isinstance(dims, int):
        summed = first.shape[first.dim() - (2 if dims is None else dims) :]
    else:
        summed = [first.shape[dim] for dim in dims[0]]
    return call.output.numel() * math.prod(summed)


def _bilinear(call: Call) -> int:
    """Count ``x1ᵀW`` for each output, and then its product with ``x2``."""
    first, weight = call.at(0, "input1"), call.at(2, "weight")
    return math.prod(first.shape[:-1]) * (weight.numel() + weight.shape[0] * weight.shape[2])


def _attention(call: Call) -> int:
    """Count ``QKᵀ`` and its product with ``V``, causal or not."""
    query, key, value = call.at(0, "query"), call.at(1, "key"), call.at(2, "value")
    rows = math.prod(call.output.shape[:-1])
    return rows * key.shape[-2] * (query.shape[-1] + value.shape[-1])


_ATTENTION = inspect.signature(F.multi_head_attention_forward)


def _multi_head_attention(call: Call) -> int:
    """Count the projections of query, key, value and output, and attention; widths are those of the weights."""
    given = _ATTENTION.bind(*call.args, **call.given)
    given.apply_defaults()
    of = given.arguments
    query, key, value, width = of["query"], of["key"], of["value"], of["embed_dim_to_check"]
    if of["use_separate_proj_weight"]:
        sizes = [of[f"{name}_proj_weight"].numel() for name in "qkv"]
    else:
        sizes = [of["in_proj_weight"].numel() // 3] * 3
    positions = [tensor.numel() // tensor.shape[-1] for tensor in (query, key, value)]
    projected = sum(count * size for count, size in zip(positions, sizes, strict=True))
    keys = of["static_k"].shape[1] if of["static_k"] is not None else key.shape[0] + (of["bias_k"] is not None)
    attended = positions[0] * (keys + bool(of["add_zero_attn"])) * 2 * width
    return projected + attended + positions[0] * of["out_proj_weight"].numel()


def _chain(call: Call) -> int:
    matrices = call.args[0] if isinstance(call.args[0], list | tuple) else call.args
    return chain_macs([matrix.shape for matrix in matrices])


def _recurrent(call: Call) -> int:
    """Count a recurrent layer: each of its matrices is applied once at each step of each sequence."""
    first = call.args[0]
    packed = first.dim() == 2  # (steps of all sequences, features)
    rows = first.shape[0] if packed else first.shape[0] * first.shape[1]
    return rows * sum(weight.numel() for weight in call.args[3 if packed else 2] if weight.dim() == 2)


def _recurrent_cell(call: Call) -> int:
    first = call.at(0, "input")
    rows = first.numel() // first.shape[-1]
    return rows * (call.at(2, "w_ih").numel() + call.at(3, "w_hh").numel())


#: Modules that torch's own functions say they are of; None are the methods of a tensor.
MODULES = frozenset(
    {
        None,
        "torch",
        "torch._C._linalg",
        "torch._C._nn",
        "torch._ops.aten",
        "torch._ops.torchvision",
        "torch._tensor",
        "torch.functional",
        "torch.nn.functional",
    }
)

FORMULAS: dict[str, Callable[[Call], int]] = {
    **dict.fromkeys(("matmul", "linalg_matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "linear"), _matmul),
    **dict.fromkeys(("addmm", "addmm_", "addmv", "addmv_", "baddbmm", "baddbmm_", "addbmm", "addbmm_"), _added_matmul),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "deform_conv2d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent_cell),
    **dict.fromkeys(("chain_matmul", "linalg_multi_dot"), _chain),
    "__rmatmul__": _reversed_matmul,
    "einsum": _einsum,
    "tensordot": _tensordot,
    "bilinear": _bilinear,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
}
"""Functions that compute matrix products, by name, each with its MACs."""
