"""The budget search: bisection on one knob, then a mix of two neighbouring values over the groups of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..contract.cost import Knob, Target
from ..contract.errors import UnreachableTarget
from .plan import LayerPlan

KnobValue = Any
"""A value of a method's knob."""
HALVINGS = 40
"""They leave a continuous knob no further from its step than 1e-12 of its range."""


def meet(
    knob: Knob,
    counts: Callable[[KnobValue], list[int]],
    target: Target,
    dense: int,
    untouched: int,
    name: str,
    *,
    stuck: str | None = None,
    left: str = "",
    nearest: bool,
    halvings: int = HALVINGS,
) -> tuple[list[KnobValue], str | None]:
    """Choose a value of the knob for every group of layers, so that the total is as near below the target as they can.

    Parameters
    ----------
    knob
        The setting to choose; the total must not decrease from ``knob.low`` to ``knob.high``.
    counts
        Returns the count of each group at a value of the knob.
    target
        The budget.
    dense
        The dense model's count, all convolutions.
    untouched
        Count of the layers that keep their cost whatever the knob.
    name
        The method's name, for messages.
    stuck
        The reason, if the knob does not change the count.
    left
        What keeps the count high at the knob's low end: the layers that are left alone.
    nearest
        Take the nearest end of the knob for an unreachable budget instead of raising.
    halvings
        How often the range of a knob without choices is halved.

    Returns
    -------
    values
        One value of the knob for each group.
    note
        Why the budget was not met; None if it was.

    Raises
    ------
    UnreachableTarget
        If the target is outside the reachable range and ``nearest`` is not set.
    """

    def total(value: KnobValue) -> int:
        return untouched + sum(counts(value))

    goal = target.fraction * dense
    groups = len(counts(knob.low))
    low, high = total(knob.low), total(knob.high)
    if goal < low or goal > high:
        end = knob.low if goal < low else knob.high
        reach = (
            f"{knob.field} from {knob.low} to {knob.high} reaches {100 * low / dense:.2f} % to "
            f"{100 * high / dense:.2f} % of the dense model's {target.count}"
        )
        message = f"{name} cannot be sized to {target}: {stuck or reach + (left if goal < low else '')}"
        if not nearest:
            hint = "" if stuck else "; 'unreachable: nearest' takes the nearest size"
            raise UnreachableTarget(message + hint, low / dense, high / dense)
        return [end] * groups, message
    below, above = _bracket(knob, total, goal, halvings)
    return _mix(below, above, counts, goal - untouched), None


def why_stuck(knob: Knob, target: Target, layers: Sequence[LayerPlan], moved: Sequence[str]) -> str:
    """Return why no value of the knob changes the target's count.

    Parameters
    ----------
    knob, target
        What is searched, and the budget.
    layers
        The plan at ``knob.low``.
    moved
        The counts that the knob does change.
    """
    if all(layer.group is None for layer in layers):
        reasons = Counter((layer.reason or "").partition(": ")[0] for layer in layers)
        listed = [f"{count} × {reason}" for reason, count in reasons.most_common(5)]
        others = [f"{len(reasons) - 5} other reasons"] if len(reasons) > 5 else []
        return f"nothing to compress, {len(layers)} convolutions stay as they are ({', '.join(listed + others)})"
    changes = f"; it changes {' and '.join(moved)}" if moved else ""
    return f"{knob.field} does not change the model's {target.count}{changes}"


def _bracket(knob: Knob, total: Callable[[KnobValue], int], goal: float, halvings: int) -> tuple[KnobValue, KnobValue]:
    """Return the last value whose total is within the goal, and the value after it."""
    if knob.choices:
        within = [value for value in knob.choices if total(value) <= goal]
        index = knob.choices.index(within[-1])
        return knob.choices[index], knob.choices[min(index + 1, len(knob.choices) - 1)]
    below, above = knob.low, knob.high
    if total(above) <= goal:
        return above, above
    for _ in range(halvings):
        middle = (below + above) / 2
        if knob.integer:
            middle = int(middle)
            if middle in (below, above):
                break
        if total(middle) <= goal:
            below = middle
        else:
            above = middle
    return below, above


def _mix(below: KnobValue, above: KnobValue, counts: Callable[[KnobValue], list[int]], room: float) -> list[KnobValue]:
    """Raise groups from ``below`` to ``above`` while they fit; largest first, so that little room is left."""
    lower, upper = counts(below), counts(above)
    values = [below] * len(lower)
    room -= sum(lower)
    for index in sorted(range(len(lower)), key=lambda i: (lower[i] - upper[i], i)):
        extra = upper[index] - lower[index]
        if 0 < extra <= room:
            values[index] = above
            room -= extra
    return values
