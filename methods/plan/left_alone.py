"""What keeps a budget out of reach: the layers that are left alone, their share of the model, and why."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract.cost import Target
from .plan import LayerPlan

MOST_REASONS = 4
"""Reasons that a message has, those of the largest share."""
MOST_PATHS = 2
"""Layers that it names for one reason."""


def name_left_alone(layers: Sequence[LayerPlan], target: Target) -> str:
    """Return a clause for the message of a budget that is out of reach; empty if every layer gets smaller.

    Parameters
    ----------
    layers
        The smallest plan there is.
    target
        The budget, whose count the shares are of.
    """
    dense = sum(layer.before.count(target.count) for layer in layers)
    alone: dict[str, list[tuple[int, str]]] = {}
    for layer in layers:
        if layer.group is None and (count := layer.before.count(target.count)):
            reason = (layer.reason or "").partition(": ")[0]
            alone.setdefault(reason, []).append((count, layer.path))
    if not alone:
        return ""
    largest = sorted(alone.items(), key=lambda item: -sum(count for count, _ in item[1]))
    parts = [_part(reason, found, dense) for reason, found in largest[:MOST_REASONS]]
    if rest := [one for _, found in largest[MOST_REASONS:] for one in found]:
        parts.append(f"{len(rest)} others {_percent(rest, dense)}")
    every = [one for found in alone.values() for one in found]
    return f"; layers left alone hold {_percent(every, dense)}: {', '.join(parts)}"


def _part(reason: str, found: list[tuple[int, str]], dense: int) -> str:
    paths = [path for _, path in sorted(found, key=lambda one: -one[0])]
    more = f" and {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else ""
    return f"{', '.join(paths[:MOST_PATHS])}{more} {_percent(found, dense)} ({reason})"


def _percent(found: Sequence[tuple[int, str]], dense: int) -> str:
    return f"{100 * sum(count for count, _ in found) / dense:.2f} %"
