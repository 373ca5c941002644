"""The allocation: every group of layers gets a size of its own, all of them together the budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from torch import nn

from ...contract.cost import Knob, Skip, Target
from ...contract.errors import require
from ...contract.forward import untouched_random_numbers
from ...contract.method import Method
from ..inputs import Batch
from ..plan import Allocation
from .curves import Group, Point, error_curve, noise_levels
from .search import by_multiplier, climb, refine, steps_by_error, steps_by_level
from .sensitivity import sensitivities

Allocate = Literal["uniform", "energy", "evbmf", "global", "sensitivity"]
"""Ways to share a budget out over the layers; `decompbench.methods.plan` says what each is."""


def require_allocate(allocate: str, method: Method, target: Target | None) -> None:
    """Raise `SettingError` unless ``allocate`` is one of the words, and the method and the budget allow it."""
    words = get_args(Allocate)
    require(allocate in words, f"allocate is {', '.join(map(repr, words[:-1]))} or {words[-1]!r}, got {allocate!r}")
    if allocate == "uniform":
        return
    require(target is not None, f"allocate={allocate!r} shares out a budget: give one, such as Target(params=0.3)")
    require(
        not method.sizes_from_training,
        f"{method} chooses its sizes in training, under the budget if there is one: allocate is 'uniform'",
    )
    require(
        method.kind == "weight-space",
        f"{method} is {method.kind}: its layers equal no dense weight, so there is no error to allocate by; "
        "allocate is 'uniform'",
    )


@untouched_random_numbers()
def share_out(
    by: Allocate,
    model: nn.Module,
    method: Method,
    knob: Knob,
    groups: Sequence[Group],
    room: float,
    calibration: Iterable[Batch] | None,
) -> tuple[list[Method | Skip], Allocation]:
    """Return the size of every group under one budget, or a skip where it stays dense.

    Parameters
    ----------
    by
        How; not ``"uniform"``.
    model
        The dense model.
    method, knob
        What compresses it, and the setting that changes its size.
    groups
        The layers that the budget is shared out over. Their uniform sizes are within it.
    room
        What they may cost together.
    calibration
        For ``"sensitivity"``.

    Raises
    ------
    SettingError
        If the method offers no error, or no ranks for ``"evbmf"``; or there are no calibration inputs.
    MethodError
        If a weight or an output is not finite.
    """
    for group in groups:
        for path, conv in group.convs.items():
            require(not conv.weight.is_meta, f"allocate={by!r} reads weights, and {path!r} has none (meta device)")
    curves = [error_curve(group, method, knob) for group in groups]
    weights = [1.0] * len(groups)
    if by == "sensitivity":
        weights = sensitivities(model, groups, curves, calibration)
    chosen = refine(groups, curves, _choose(by, method, groups, curves, weights, room), knob, room)
    sizes = [point.size for point in chosen]
    uniform = [group.uniform for group in groups]
    error, before = (_total(groups, each, weights) for each in (sizes, uniform))
    if by in ("global", "sensitivity") and before < error:  # where curves are bounds, the errors may be ordered so
        sizes, error = uniform, before
    dense = Skip(f"left dense by allocate={by}")
    return [dense if size is None else size for size in sizes], Allocation(by, error, before)


def _choose(
    by: Allocate,
    method: Method,
    groups: Sequence[Group],
    curves: Sequence[Sequence[Point]],
    weights: Sequence[float],
    room: float,
) -> list[int]:
    """Return the index of each group's point on its curve."""
    if by == "energy":
        return climb(curves, steps_by_error(curves), room)
    if by == "evbmf":
        levels = [noise_levels(group, method, curve) for group, curve in zip(groups, curves, strict=True)]
        return climb(curves, steps_by_level(levels), room)
    return by_multiplier(curves, weights, room)


def _total(groups: Sequence[Group], sizes: Sequence[Method | None], weights: Sequence[float]) -> float:
    """Return the sum of the groups' measured relative errors, weighted."""
    return sum(weight * group.measured_error(size) for group, size, weight in zip(groups, sizes, weights, strict=True))
