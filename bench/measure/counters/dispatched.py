"""The counter of dispatched operations: torch's own, with formulas for the matrix products that it lacks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .conditions import unfused
from .following import Following, operation_name, tensors_in

aten = torch.ops.aten
Shape = tuple[int, ...]


def count_dispatched(model: nn.Module, example: Tensor) -> tuple[int, dict[str, int]]:
    """Count multiply-accumulates with torch's own counter, which counts two operations for each.

    Parameters
    ----------
    model
        In its deployed form.
    example
        Input of one image, ``(1, c, h, w)``.

    Returns
    -------
    int
        MACs of all matrix products.
    dict of str to int
        Operations that the counter has no rule for, with how often they occur.
    """
    counter = make_counter()
    watch = _Watch(example, counter.flop_registry)
    with torch.no_grad(), unfused(), watch, counter:
        output = model(example)
    return (counter.get_total_flops() - watch.idle(output)) // 2, dict(sorted(watch.unknown.items()))


def make_counter() -> FlopCounterMode:
    """Return torch's counter with the formulas of this module."""
    deformable = getattr(torch.ops.torchvision, "deform_conv2d", None)  # there once torchvision is imported
    formulas = FORMULAS | ({deformable: _deformable_conv} if deformable else {})
    return FlopCounterMode(display=False, custom_mapping=formulas)


class _Watch(Following[int]):
    """Follows products of weights alone, and counts the calls of operations that the counter has no formula for.

    A mode entered before a counter sees what the counter lets through, after it has taken composite operations apart.
    """

    def __init__(self, example: Any, formulas: Mapping[Any, Any]) -> None:
        super().__init__(example, formulas)
        self.formulas = formulas
        self.unknown: Counter[str] = Counter()
        self._flops: list[int] = []
        self._applied: set[int] = set()

    def see(self, func: Any, args: Any, kwargs: Any, output: Any, labels: frozenset[int], dependent: bool) -> None:
        formula = self.formulas.get(func.overloadpacket)
        if formula is None and not func.is_view:
            self.unknown[operation_name(func)] += 1
        if dependent:
            self._applied |= labels
        elif formula is not None:
            for tensor in tensors_in(output):
                self.label(tensor, frozenset((len(self._flops),)))
            self._flops.append(formula(*args, **kwargs, out_val=output))

    def idle(self, output: Any) -> int:
        """Return the operations of products that went into nothing: neither what depends on the input nor the output.

        A network may ask a compressed layer for the dtype of its weight, for which that is computed. fvcore leaves such
        products out.
        """
        applied = self._applied | self.labels(list(tensors_in(output)))
        return sum(flops for index, flops in enumerate(self._flops) if index not in applied)


def _vector_product(first: Shape, second: Shape, **_: Any) -> int:
    """Count `dot`, `vdot` and `mv`."""
    return 2 * math.prod(first)


def _added_vector_product(added: Shape, matrix: Shape, vector: Shape, **_: Any) -> int:
    return 2 * math.prod(matrix)


def _added_matmul(added: Shape, first: Shape, second: Shape, **_: Any) -> int:
    return 2 * math.prod(first) * second[-1]


def _trilinear(first: Shape, weight: Shape, second: Shape, *_: Any, **__: Any) -> int:
    """Count a bilinear form, for which torch calls this: ``x1ᵀW`` for each output, then its product with ``x2``."""
    rows, (outputs, left, right) = first[0], weight
    return 2 * rows * outputs * right * (left + 1)


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    *rows, width = query
    return 2 * math.prod(rows) * key[-2] * (width + value[-1])


def _deformable_conv(first: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


def _mkldnn_recurrent(first: Shape, of_input: Shape, of_state: Shape, *_: Any, **__: Any) -> int:
    """Count one direction of one recurrent layer of a CPU: its two matrices at each step of each sequence."""
    return 2 * first[0] * first[1] * (math.prod(of_input) + math.prod(of_state))


def _cudnn_recurrent(first: Shape, weights: list[Shape], *_: Any, **__: Any) -> int:
    """Count all recurrent layers of a GPU; steps of packed sequences are in one dimension."""
    return 2 * math.prod(first[:-1]) * sum(math.prod(weight) for weight in weights if len(weight) == 2)


FORMULAS: dict[Any, Any] = {
    **dict.fromkeys((aten.dot, aten.vdot, aten.mv), _vector_product),
    **dict.fromkeys((aten.addmv, aten.addmv_), _added_vector_product),
    **dict.fromkeys((aten.addmm_, aten.baddbmm_, aten.addbmm, aten.addbmm_), _added_matmul),
    aten._trilinear: _trilinear,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten.mkldnn_rnn_layer: _mkldnn_recurrent,
    **dict.fromkeys((aten._cudnn_rnn, aten.miopen_rnn), _cudnn_recurrent),
}
"""Floating-point operations by the shapes of what an operation is given, two for each multiply-accumulate."""
