"""Contractions of several tensors, by an equation or in a chain: the multiply-accumulates (MACs) of one."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

Path = Sequence[Sequence[int]]
"""Pairs of operands in the order in which they are contracted, as in opt_einsum."""


def einsum_macs(equation: str, shapes: Sequence[Sequence[int]], path: Path | None = None) -> int:
    """Return the multiply-accumulates of ``torch.einsum(equation, ...)`` for operands of these shapes.

    Operands are contracted in pairs, as torch does it. A pair without an index that is summed over is multiplied
    element by element and costs nothing here; any other pair is a matrix product.

    Parameters
    ----------
    equation
        Such as ``"bij,bjk->bik"``, with or without the output, with or without an ellipsis.
    shapes
        Of the operands.
    path
        The order; by default from left to right.
    """
    operands, output = _labels(equation, shapes)
    # an index of one element is no index: it is broadcast
    sizes = {label: size for operand in operands for label, size in operand.items() if size != 1}
    remaining = [{label for label, size in operand.items() if size != 1} for operand in operands]
    macs = 0
    order = iter(path) if path is not None else None
    while len(remaining) > 1:
        chosen = sorted(next(order), reverse=True) if order is not None else (1, 0)
        one, two = (remaining.pop(index) for index in chosen) if len(chosen) == 2 else (remaining.pop(chosen[0]), set())
        kept = set(output).union(*remaining)
        summed = (one & two) - kept
        # what only one of the two has, and nothing else needs, is summed away before they are multiplied
        free = (one | two) & kept
        if summed:
            macs += math.prod(sizes[label] for label in free | summed)
        remaining = [*remaining, free] if order is not None else [free, *remaining]
    return macs


def chain_macs(shapes: Sequence[Sequence[int]]) -> int:
    """Return the multiply-accumulates of ``torch.linalg.multi_dot``, which takes the cheapest order.

    Parameters
    ----------
    shapes
        Of the matrices; the first and the last may be vectors.
    """
    first, *between = shapes
    sizes = [*(first if len(first) == 2 else (1, *first)), *(shape[1] if len(shape) == 2 else 1 for shape in between)]
    least = {(start, start + 1): 0 for start in range(len(shapes))}
    for length in range(2, len(sizes)):
        for start in range(len(sizes) - length):
            end = start + length
            least[start, end] = min(
                least[start, cut] + least[cut, end] + sizes[start] * sizes[cut] * sizes[end]
                for cut in range(start + 1, end)
            )
    return least[0, len(shapes)]


def equation_of(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return equation and operands of an `torch.einsum` that is called with lists of indices.

    Parameters
    ----------
    operands
        Operand, list of its indices, operand, list, and so on; at last, if given, the output's list.
    """
    names = string.ascii_letters

    def term(indices: Sequence[Any]) -> str:
        return "".join("..." if index is Ellipsis else names[index] for index in indices)

    equation = ",".join(term(indices) for indices in operands[1::2])
    if len(operands) % 2:
        return f"{equation}->{term(operands[-1])}", list(operands[:-1:2])
    return equation, list(operands[::2])


def _labels(equation: str, shapes: Sequence[Sequence[int]]) -> tuple[list[dict[str, int]], list[str]]:
    """Return the size of each index of each operand, and the indices of the output; ``.0`` is the ellipsis' last."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    operands = []
    for term, shape in zip(left.split(","), shapes, strict=True):
        before, dots, after = term.partition("...")
        hidden = len(shape) - len(before) - len(after) if dots else 0
        labels = [*before, *(f".{index}" for index in reversed(range(hidden))), *after]
        operands.append(dict(zip(labels, shape, strict=True)))
    ellipsis = sorted({label for operand in operands for label in operand if label[0] == "."}, reverse=True)
    if arrow:
        return operands, [*right.replace("...", ""), *(ellipsis if "..." in right else ())]
    counts = Counter(left.replace("...", "").replace(",", ""))
    return operands, [*ellipsis, *(label for label, count in counts.items() if count == 1)]
