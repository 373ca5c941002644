"""Error against cost: the least error that a limit allows, held against all choices there are."""

import itertools

import pytest
import torch

from decompbench.methods.numerics.trade_off import best_at, best_within

ERRORS = [torch.tensor([9.0, 4.0, 1.0, 0.0]), torch.tensor([6.0, 5.0, 0.0]), torch.tensor([2.0, 0.0])]
COSTS = [torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([1.0, 3.0, 6.0]), torch.tensor([2.0, 3.0])]


def sums(chosen):
    pairs = zip(ERRORS, COSTS, chosen, strict=True)
    error, cost = zip(*((error[i].item(), cost[i].item()) for error, cost, i in pairs), strict=True)
    return sum(error), sum(cost)


@pytest.mark.parametrize("limit", [4, 5, 6, 7, 9, 11, 13, 15, 17, 100])
def test_no_choice_that_costs_no_more_has_less_error(limit):
    error, cost = sums(best_within(ERRORS, COSTS, limit))
    assert cost <= limit
    others = map(sums, itertools.product(*(range(len(costs)) for costs in COSTS)))
    assert error == min(other for other, its_cost in others if its_cost <= cost)


def test_free_choices_have_no_error_and_dear_ones_the_least_cost():
    assert sums(best_at(ERRORS, COSTS, 0.0))[0] == 0
    assert sums(best_at(ERRORS, COSTS, 1e9))[1] == 4


def test_a_limit_below_the_cheapest_is_an_error():
    with pytest.raises(ValueError, match="cost 4 together, more than 3"):
        best_within(ERRORS, COSTS, 3)


def test_errors_of_any_size_are_traded():
    for scale in (1e-12, 1e12):
        scaled = [scale * error for error in ERRORS]
        assert best_within(scaled, COSTS, 9) == best_within(ERRORS, COSTS, 9)
