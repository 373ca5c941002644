"""Checks of costs: those that a method promises are those of the real layers, and budgets are met."""

from __future__ import annotations

import math

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..contract.cost import COUNTS, Cost, Knob, Skip, Target
from ..contract.errors import UnreachableTarget
from ..contract.method import Method
from ..lifecycle.counting import count_stored
from ..lifecycle.deploy import deploy
from ..lifecycle.session import begin
from ..plan.plan import Plan
from ..plan.planner import plan
from .cases import ConvCase
from .compressing import Case, compressed, lone_layer, lone_spec
from .failure import ConformanceFailure, NotApplicable, demand

TARGETS = (
    *(Target(params=fraction) for fraction in (0.15, 0.3, 0.5, 0.8)),
    *(Target(macs=fraction) for fraction in (0.3, 0.6)),
    *(Target(bits=fraction) for fraction in (0.15, 0.5)),
)
"""The budgets that a method is asked to meet."""


def check_cost_of_a_layer_alone_is_that_of_its_group(method: Method, case: Case) -> None:
    """`layer_cost` of a layer is what `group_costs` says of a group with this layer alone, shared parts included."""
    made = case.plan(method)
    alone = made.groups[0].method.layer_cost(lone_spec(case))
    demand(
        alone == made.after,
        f"layer_cost() says {alone} and group_costs() of the layer alone {made.after}: they have to agree, what is "
        "shared added in",
    )


def check_stored_weights_are_as_promised(method: Method, case: Case) -> None:
    """The finished model stores as many weights and bits as the plan said."""
    promised, stored = case.plan(method).after, count_stored(compressed(method, case), case.layers)
    demand(
        stored.weights == promised.weights,
        f"the layers store {stored.weights:,} weights, the plan said {promised.weights:,}: put right the formula in "
        "layer_cost() or group_costs(), or name in weight_tensors() what stands for the weight and nothing else",
    )
    if case.example().dtype != torch.float32:
        return  # a plan knows no dtype: its bits are those of a network in float32
    demand(
        stored.bits == promised.bits,
        f"the layers store {stored.bits:,} bits, the plan said {promised.bits:,}: weight_tensors() gives each tensor "
        "with the bits of one element, and Cost.bits has to be their sum",
    )


def check_macs_are_as_promised(method: Method, case: Case) -> None:
    """The compact form does as many multiply-accumulates as the plan said, counted by torch."""
    made, x = case.plan(method), case.example()
    promised = made.macs_after
    lone = isinstance(case, ConvCase)
    model = lone_layer(method, case).compact() if lone else deploy(compressed(method, case), x, forms="compact")
    with FlopCounterMode(display=False) as counter:
        model(x)
    counted = counter.get_total_flops() / (2 * len(x))
    demand(
        counted == promised,
        f"the compact form does {counted:,.0f} multiply-accumulates per image, the plan said {promised:,}: put right "
        "the MACs in layer_cost() or group_costs(), or let compact() return the form that does them",
    )


def check_cost_never_falls_as_the_knob_rises(method: Method, case: Case) -> None:
    """Weights, MACs and bits of a layer do not fall as the knob goes from low to high: a search relies on it.

    Above the convolution's own cost they may fall: a plan leaves a layer alone that would not get smaller. The counts
    in `Knob.dips`, which may fall by rounding, are not checked.
    """
    spec = lone_spec(case)
    steady = {name: field for name, field in COUNTS.items() if name not in knob_of(method).dips}
    previous: Cost | None = None
    for sized in sized_methods(case.plan(method).groups[0].method, 24):
        cost = sized.layer_cost(spec)
        if isinstance(cost, Skip):
            raise NotApplicable(cost.reason)
        for name, field in steady.items():
            before = 0 if previous is None else min(previous.count(name), spec.cost.count(name))
            demand(
                before <= cost.count(name),
                f"{field} fall to {cost.count(name):,} from {before:,} as the knob comes to {sized}: name the end of "
                "least cost as Knob.low, and let the cost follow the knob",
            )
        previous = cost


def check_budgets_are_met(method: Method, case: Case) -> None:
    """A budget is met from below and within a tenth, or refused with the range that can be reached."""
    knob_of(method)
    if all(group.method != method for group in case.plan(method).groups):
        raise NotApplicable("the layers' settings are read off the weights: no budget moves them")
    plans = [_plan_within(method, case, target) for target in TARGETS]
    made = next((made for made in plans if made is not None), None)
    if made is None and set(method.changed_settings()) - {knob_of(method).field}:
        raise NotApplicable("no budget is in reach: the settings that are not the knob's leave it nothing to move")
    if made is None:
        raise ConformanceFailure(
            f"none of the budgets {', '.join(map(str, TARGETS))} can be met: let the knob's low end make layers small"
        )
    stored = count_stored(begin(case.model(), made, calibration=[case.example()]).finish())
    demand(
        stored.weights == made.after.weights,
        f"a model made for the budget {made.target} stores {stored.weights:,} weights, its plan said "
        f"{made.after.weights:,}: the layers of such a plan differ in their settings, so take them from self alone",
    )


def _plan_within(method: Method, case: Case, target: Target) -> Plan | None:
    """Return the plan that meets a budget, or None if the budget is out of reach, as the error says."""
    try:
        made = plan(case.model(), method, case.example(), target)
    except UnreachableTarget as error:
        demand(
            not error.low <= target.fraction <= error.high,
            f"the budget {target} is refused though it lies in the range {error.low:.3g} to {error.high:.3g} that the "
            "error names: name the ends of the range that can be reached",
        )
        return None
    ratio = made.ratio(target.count)
    demand(
        0.9 * target.fraction <= ratio <= target.fraction,
        f"the budget {target} gives a plan of {100 * ratio:.2f} %, which is not within a tenth below it: let the cost "
        "rise with the knob in steps fine enough, and let groups of layers not depend on the knob",
    )
    return made


def knob_of(method: Method) -> Knob:
    """Return the method's knob; raise `NotApplicable` if it has none."""
    knob = method.budget_knob()
    if knob is None:
        raise NotApplicable("the method has no knob")
    return knob


def sized_methods(method: Method, count: int) -> list[Method]:
    """Return the method at up to ``count`` values of its knob, from least to most cost.

    Raises
    ------
    NotApplicable
        If it has no knob.
    """
    knob = knob_of(method)
    return [method.with_settings(**{knob.field: value}) for value in _knob_values(knob, count)]


def _knob_values(knob: Knob, count: int) -> list[float]:
    """Return values from the knob's low to its high end: whole numbers by a constant factor, others by equal steps."""
    if knob.choices:
        return list(knob.choices)
    steps = [index / (count - 1) for index in range(count)]
    if not knob.integer:
        return [knob.low + step * (knob.high - knob.low) for step in steps]
    low, high = math.log(max(1, knob.low)), math.log(max(1, knob.high))
    return list(dict.fromkeys(round(math.exp(low + step * (high - low))) for step in steps))
