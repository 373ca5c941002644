"""Curves of error over cost, one for each group of layers that is compressed together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from ...contract.cost import Knob
from ...contract.errors import MethodError, SettingError
from ...contract.method import Method
from ...contract.spec import ConvSpec
from ...numerics.ranks import evbmf_rank
from ...numerics.spectrum import squared_spectra

MANY, FEW = 256, 16
"""Most sizes on a curve: of a method that gives its errors at once, and of one that compresses for each."""

Price = Callable[[Method], int | None]
"""Returns what a group costs at a size on the count of the budget; None where it would stay dense."""


@dataclass(frozen=True)
class Point:
    """One size of a group of layers.

    Attributes
    ----------
    size
        The method with its settings; None where the group stays dense.
    cost
        On the count of the budget.
    error
        ``Σ ‖W − Ŵ‖² / Σ ‖W‖²`` over the group.
    """

    size: Method | None
    cost: int
    error: float


@dataclass(frozen=True)
class Group:
    """Layers that are compressed together, with all that an allocation asks about them.

    Attributes
    ----------
    specs
        The layers.
    convs
        Their convolutions, by path.
    price
        Of a size.
    dense
        What they cost as they are.
    may_stay
        Whether an allocation may leave them so.
    uniform
        The size that one value of the knob for all groups gives them.
    """

    specs: Sequence[ConvSpec]
    convs: Mapping[str, nn.Conv2d]
    price: Price
    dense: int
    may_stay: bool
    uniform: Method

    def squared_norm(self) -> float:
        """Return ``Σ ‖W‖²``, in double precision.

        Raises
        ------
        MethodError
            If it is not finite.
        """
        norms = {path: float(conv.weight.detach().double().square().sum()) for path, conv in self.convs.items()}
        for path, norm in norms.items():
            if not math.isfinite(norm):
                raise MethodError(f"the weight of {path!r} has values that are not finite: no error can be told of it")
        return sum(norms.values())

    def relative(self, errors: Sequence[float]) -> list[float]:
        """Return squared errors relative to the squared norm of the weights; of zeros nothing can be lost."""
        norm = self.squared_norm()
        return [max(0.0, error) / norm if norm else 0.0 for error in errors]

    def measured_error(self, size: Method | None) -> float:
        """Return the relative error of the group, compressed at a size; 0 where it stays dense."""
        if size is None or self.price(size) is None:
            return 0.0
        return self.relative([size.weight_error(self.convs, self.specs)])[0]


def error_curve(group: Group, method: Method, knob: Knob) -> list[Point]:
    """Return the sizes of a group that are worth their cost: none has one beside it that costs and loses no more.

    Parameters
    ----------
    group
        The layers.
    method
        The method, whatever its size.
    knob
        What changes its size.

    Returns
    -------
    list of Point
        With rising cost and falling error. The uniform size is among those they are chosen from, and so is the dense
        form, which loses nothing.
    """
    group.squared_norm()  # what is not finite is named before it is decomposed
    fast = type(method).error_curve is not Method.error_curve or method.truncations(group.convs, group.specs)
    sizes = _sizes(group, method, knob, MANY if fast else FEW)
    values = [getattr(size, knob.field) for size in sizes.values()]
    errors = group.relative(method.error_curve(group.convs, group.specs, values)) if sizes else []
    points = [Point(size, cost, error) for (cost, size), error in zip(sizes.items(), errors, strict=True)]
    if group.may_stay or not points:
        points.append(Point(None, group.dense, 0.0))
    return _worth_their_cost(points)


def _sizes(group: Group, method: Method, knob: Knob, most: int) -> dict[int, Method]:
    """Return up to ``most`` sizes of different cost, the uniform one among them, at which the group gets smaller."""
    found: dict[int, Method] = {}
    for size in (group.uniform, *(method.sized(value) for value in _values(knob))):
        if (cost := group.price(size)) is not None:
            found.setdefault(cost, size)
    costs = sorted(found)
    if len(costs) <= most:
        return found
    kept = {costs[index] for index in np.linspace(0, len(costs) - 1, most).round().astype(int)}
    if (own := group.price(group.uniform)) is not None:
        kept.add(own)
    return {cost: found[cost] for cost in costs if cost in kept}


def _values(knob: Knob) -> list[Any]:
    """Return values of a knob from end to end: all where they are few."""
    if knob.choices:
        return list(knob.choices)
    if knob.integer:
        # one more changes little where there are many
        spread = np.geomspace if min(knob.low, knob.high) >= 1 else np.linspace
        return [int(value) for value in np.unique(spread(knob.low, knob.high, MANY).round())]
    return [float(value) for value in np.linspace(knob.low, knob.high, MANY)]


def _worth_their_cost(points: Sequence[Point]) -> list[Point]:
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, point.error)):
        if not kept or point.error < kept[-1].error:
            kept.append(point)
    return kept


def hull(curve: Sequence[Point]) -> list[int]:
    """Return the indices of the lower convex hull of a curve: what lies on it gains less and less for its cost."""
    corners: list[int] = []
    for index, point in enumerate(curve):
        while len(corners) > 1:
            first, middle = curve[corners[-2]], curve[corners[-1]]
            before = (first.error - middle.error) * (point.cost - middle.cost)
            after = (middle.error - point.error) * (middle.cost - first.cost)
            if before > after:
                break
            corners.pop()
        corners.append(index)
    return corners


def noise_levels(group: Group, method: Method, curve: Sequence[Point]) -> list[float]:
    """Return the ranks of each point of a curve, as a multiple of those that EVBMF tells from noise (`evbmf_rank`).

    Where a method truncates several matrices, it is the sum of their ranks. A rank of noise alone counts as 1.

    Raises
    ------
    SettingError
        If the method truncates no matrices, or they depend on its knob.
    """
    stacks = method.truncations(group.convs, group.specs)
    if not stacks:
        raise SettingError(f"{method} truncates no matrix at its knob: allocate is then uniform, energy or global")
    found = [max(1, *(evbmf_rank(spectrum, *stack.shape[-2:]) for spectrum in squared_spectra(stack)))
             for stack in stacks]  # fmt: skip
    full = [min(stack.shape[-2:]) for stack in stacks]
    ranks = [full if point.size is None else point.size.truncation_ranks(group.specs) for point in curve]
    return [sum(each) / sum(found) for each in ranks]
