"""The counter of the traced graph: fvcore, with rules for the matrix products that it lacks or gets wrong."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import get_shape
from torch import Tensor, nn

from ....methods.numerics.contractions import chain_macs, einsum_macs
from ...base.errors import BenchError
from .conditions import unfused

PRODUCTS = "products"
#: Keys under which fvcore and the rules below count matrix products. Norms and resampling are element-wise work.
COUNTED = ("conv", PRODUCTS)


def count_macs(model: nn.Module, example: Tensor) -> tuple[int, dict[str, int]]:
    """Count multiply-accumulates with fvcore.

    Parameters
    ----------
    model
        In its deployed form: a layer that builds its weight in forward would be charged for that.
    example
        Input of one image, ``(1, c, h, w)``.

    Returns
    -------
    int
        MACs of all matrix products.
    dict of str to int
        Operations fvcore has no rule for, with how often they occur.
    """
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    analysis = FlopCountAnalysis(model, (example,))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    for name, rule in RULES.items():
        analysis.set_op_handle(name if "::" in name else f"aten::{name}", _handle(rule))
    with torch.no_grad(), unfused():
        by_operator = analysis.by_operator()
        not_counted = {name: int(count) for name, count in sorted(analysis.unsupported_ops().items())}
    return int(sum(by_operator[name] for name in COUNTED)), not_counted


Rule = Callable[[list[Any], list[int]], int]
"""MACs of a node from its inputs, which are values of the graph, and the shape of its output."""


def _handle(rule: Rule) -> Callable[[list[Any], list[Any]], Counter[str]]:
    return lambda inputs, outputs: Counter({PRODUCTS: rule(inputs, _shape(outputs[0]))})


def _shape(value: Any) -> list[int]:
    shape = get_shape(value)
    if shape is None:
        raise BenchError(f"MACs cannot be counted: the traced graph does not tell the shape of {value.debugName()}")
    return shape


def _shapes(value: Any) -> list[list[int]]:
    return [_shape(item) for item in value.node().inputs()]


def _numbers(value: Any) -> list[int]:
    """Return a list of numbers in the graph, empty where there is none."""
    constant = value.toIValue()
    return constant or [item.toIValue() for item in value.node().inputs()]


def _conv(inputs: list[Any], output: list[int]) -> int:
    """Count a convolution with its padding in words (``"same"``), or one with offsets."""
    return math.prod(output) * math.prod(_shape(inputs[1])[1:])


def _matmul(inputs: list[Any], output: list[int]) -> int:
    first, second = _shape(inputs[0]), _shape(inputs[1])
    return math.prod(output) * first[-1] if first and second else 0


def _added_matmul(inputs: list[Any], output: list[int]) -> int:
    second = _shape(inputs[2])
    return math.prod(_shape(inputs[1])) * (second[-1] if len(second) > 1 else 1)


def _einsum(inputs: list[Any], output: list[int]) -> int:
    path = _numbers(inputs[2])
    pairs = list(zip(path[::2], path[1::2], strict=True)) or None
    return einsum_macs(inputs[0].toIValue(), _shapes(inputs[1]), pairs)


def _tensordot(inputs: list[Any], output: list[int]) -> int:
    first = _shape(inputs[0])
    return math.prod(output) * math.prod(first[dim] for dim in _numbers(inputs[2]))


def _bilinear(inputs: list[Any], output: list[int]) -> int:
    second, weight = _shape(inputs[1]), _shape(inputs[2])
    return math.prod(output) * second[-1] * (weight[1] + 1)


def _attention(inputs: list[Any], output: list[int]) -> int:
    query, key, value = map(_shape, inputs[:3])
    return math.prod(output[:-1]) * key[-2] * (query[-1] + value[-1])


def _chain(inputs: list[Any], output: list[int]) -> int:
    return chain_macs(_shapes(inputs[0]))


def _recurrent(inputs: list[Any], output: list[int]) -> int:
    first = _shape(inputs[0])
    packed = len(first) == 2
    steps = first[0] if packed else first[0] * first[1]
    return steps * sum(math.prod(shape) for shape in _shapes(inputs[3 if packed else 2]) if len(shape) == 2)


def _recurrent_cell(inputs: list[Any], output: list[int]) -> int:
    rows = math.prod(_shape(inputs[0])[:-1])
    return rows * sum(math.prod(_shape(weight)) for weight in inputs[2:4])


RULES: dict[str, Rule] = {
    **dict.fromkeys(("_convolution_mode", "torchvision::deform_conv2d"), _conv),
    **dict.fromkeys(("linear", "matmul", "linalg_matmul", "mm", "bmm", "mv", "dot", "vdot", "inner"), _matmul),
    **dict.fromkeys(("addmm", "addmm_", "addmv", "addmv_", "baddbmm", "baddbmm_", "addbmm", "addbmm_"), _added_matmul),
    **dict.fromkeys(("chain_matmul", "linalg_multi_dot"), _chain),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent_cell),
    "einsum": _einsum,
    "tensordot": _tensordot,
    "bilinear": _bilinear,
    "scaled_dot_product_attention": _attention,
}
