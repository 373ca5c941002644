"""The trade of error against cost: one option for each of several layers, at a price or within a limit."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def best_at(errors: Sequence[Tensor], costs: Sequence[Tensor], price: float) -> list[int]:
    """Return, for each layer, the option with the least ``error + price · cost``.

    Parameters
    ----------
    errors, costs
        Of each layer the error and the cost of every option, ``(options,)``.
    price
        Error that a unit of cost is worth.
    """
    return [int((error + price * cost).argmin()) for error, cost in zip(errors, costs, strict=True)]


def best_within(errors: Sequence[Tensor], costs: Sequence[Tensor], limit: float) -> list[int]:
    """Return, for each layer, one option such that all together cost at most ``limit``, with little error in all.

    The price that a unit of cost is worth is the same for all layers (a Lagrange multiplier), and as low as the limit
    allows. Of all choices that cost no more than this one, none has a smaller sum of errors; what is left of the limit
    is less than the step of one layer to its next option.

    Raises
    ------
    ValueError
        If the cheapest options together cost more.
    """

    def total(chosen: Sequence[int]) -> float:
        return sum(float(cost[index]) for cost, index in zip(costs, chosen, strict=True))

    least = [int(cost.argmin()) for cost in costs]
    if total(least) > limit:
        raise ValueError(f"the cheapest options cost {total(least):g} together, more than {limit:g}")
    if total(free := best_at(errors, costs, 0.0)) <= limit:
        return free
    low, high, dearest = 0.0, 1e-30, 1e30
    while high < dearest and total(best_at(errors, costs, high)) > limit:
        low, high = high, 4 * high
    for _ in range(50):  # of the last factor of 4
        middle = (low + high) / 2
        if total(best_at(errors, costs, middle)) > limit:
            low = middle
        else:
            high = middle
    return best_at(errors, costs, high) if high < dearest else least
