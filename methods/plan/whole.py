"""The plan of a whole-model method: its sizes are read off a copy of the network that it has made smaller."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..contract.cost import Cost, Target
from ..contract.errors import MethodError, require
from ..contract.forward import call, evaluating, untouched_random_numbers
from ..contract.rewrite import compressed_layers
from ..contract.settings.select import Select
from ..contract.soundness.example import ExampleForm
from ..contract.trace import Trace, trace
from ..contract.whole_model import WholeModelMethod
from .budget import KnobValue, meet
from .plan import GroupPlan, LayerPlan, Plan
from .scope import Scope

HALVINGS = 12
"""Of a knob's range: each costs a copy of the network, and channels are few."""


@untouched_random_numbers()
def plan_whole(
    model: nn.Module,
    method: WholeModelMethod,
    example: Tensor | tuple[Any, ...],
    target: Target | None,
    *,
    select: Select,
    unreachable: Literal["error", "nearest"],
    traced: Trace,
) -> Plan:
    """Return the plan of a method that makes a network smaller as a whole; arguments and errors as for `plan`."""
    if compressed := compressed_layers(model):
        path, layer = next(iter(compressed.items()))
        raise MethodError(
            f"{method.name} makes networks smaller as a whole, and {path!r} is a {type(layer).__name__} already: start "
            "from the dense model"
        )
    convs = sum(spec.position >= 0 for spec in traced.specs)
    reasons = {
        spec.path: skip.reason for spec in traced.specs if (skip := select.reason_to_skip(spec, convs)) is not None
    }
    form = ExampleForm.of(example)
    require(form is not None, f"{method.name} needs an example of tensors and plain values, which a plan can keep")
    assert form is not None
    smaller = _Smaller(model, form, frozenset(reasons), traced)
    note = None
    if target is not None:
        knob = method.budget_knob()
        require(knob is not None, f"method {method.name!r} has no knob: it cannot be sized to {target}")
        assert knob is not None

        def count(value: KnobValue) -> list[int]:
            costs = smaller.by(method.with_settings(**{knob.field: value})).costs
            return [Cost.total(costs.values()).count(target.count)]

        dense = Cost.total(spec.cost for spec in traced.specs).count(target.count)
        nearest = unreachable == "nearest"
        (value,), note = meet(knob, count, target, dense, 0, method.name, nearest=nearest, halvings=HALVINGS)
        method = method.with_settings(**{knob.field: value})
    made = smaller.by(method)
    layers = tuple(
        LayerPlan(spec, spec.cost, made.costs[spec.path], 0)
        if made.costs[spec.path] != spec.cost
        else LayerPlan(spec, spec.cost, spec.cost, reason=reasons.get(spec.path, "none of its channels goes"))
        for spec in traced.specs
    )
    paths = tuple(layer.path for layer in layers if layer.group is not None)
    groups = (GroupPlan(method, paths, Cost(0, 0, 0)),) if paths else ()
    reference = getattr(model, "decompbench_ref", None)
    return Plan(
        method, layers, groups, traced.linear_macs, target, note, reference,
        example=form, scope=Scope.of(model, "conv", {}, set(paths)),
        linear_macs_after=made.linear_macs, kept=tuple(sorted(reasons)),
    )  # fmt: skip


class _Made:
    """The costs of a smaller network's convolutions by path, and the MACs of the rest."""

    def __init__(self, traced: Trace) -> None:
        self.costs: Mapping[str, Cost] = {spec.path: spec.cost for spec in traced.specs}
        self.linear_macs = traced.linear_macs


class _Smaller:
    """Smaller copies of one network, by the settings that make them."""

    def __init__(self, model: nn.Module, form: ExampleForm, kept: frozenset[str], traced: Trace) -> None:
        self.form, self.kept, self.traced = form, kept, traced
        self._model = _with_values(model)
        self._made: dict[WholeModelMethod, _Made] = {}

    def by(self, method: WholeModelMethod) -> _Made:
        """Return what ``method`` makes of a copy of the network."""
        if method not in self._made:
            smaller = copy.deepcopy(self._model)
            shrink_checked(smaller, method, self.form, self.kept, 0)
            made = self._traced(smaller, method)
            if made.costs.keys() != {spec.path for spec in self.traced.specs}:
                raise MethodError(f"{method.name} moved or removed convolutions, which a plan cannot describe")
            self._made[method] = made
        return self._made[method]

    def _traced(self, smaller: nn.Module, method: WholeModelMethod) -> _Made:
        example = self.form.draw(torch.Generator().manual_seed(0), next(smaller.parameters()).device)
        try:
            expected, found = (_output_shapes(network, example) for network in (self._model, smaller))
            made = _Made(trace(smaller, example))
        except Exception as error:  # a foreign library's result may fail in any way
            raise MethodError(
                f"{method} leaves this network so that it does not run: {type(error).__name__}: {error}"
            ) from error
        if expected != found:
            raise MethodError(f"{method} changes the output from {expected} to {found}: exclude what makes the output")
        return made


def _output_shapes(network: nn.Module, example: tuple[Any, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of all tensors in a network's output."""
    with evaluating(network):
        leaves = tree_leaves(call(network, example))
    return [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, Tensor)]


def shrink_checked(
    model: nn.Module, method: WholeModelMethod, form: ExampleForm, kept: frozenset[str], seed: int
) -> None:
    """Have ``method`` make ``model`` smaller in place, on an example of its own.

    Raises
    ------
    MethodError
        If that fails; ``model`` is then of no more use.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    try:
        method.shrink(model, form.draw(generator, device), kept, generator)
    except MethodError:
        raise
    except Exception as error:  # whatever a foreign library raises on a network it does not understand
        raise MethodError(f"{method} cannot make this network smaller: {type(error).__name__}: {error}") from error


def _with_values(model: nn.Module) -> nn.Module:
    """Return the model, or where it has no memory a copy that has, with random values: sizes do not depend on them."""
    if not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        return model
    made = copy.deepcopy(model).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in (*made.parameters(), *made.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(generator=generator)  # positive: variances are among them
            else:
                tensor.zero_()
    return made
