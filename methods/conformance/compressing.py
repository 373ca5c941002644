"""From a case to a compressed model, by the same way that users go: plan, begin, finish."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor, nn

from ..cost import Skip
from ..errors import SettingError
from ..layers import CompressedConv2d
from ..method import Method
from ..plan import GroupPlan, LayerPlan, Plan
from ..session import begin
from ..spec import ConvSpec, trace
from .failure import demand


class Case(Protocol):
    """What a method is checked on: a model, an input for it, and how its plan is made."""

    def model(self, seed: int = 0) -> nn.Module:
        """Return the dense model in eval mode; other seeds give other weights."""
        ...

    def example(self) -> Tensor:
        """Return an input batch."""
        ...

    def plan(self, method: Method) -> Plan:
        """Return the plan; raise `NotApplicable` if the method compresses nothing here."""
        ...


@lru_cache(maxsize=512)
def lone_spec(case: Case) -> ConvSpec:
    """Return the spec of a case's only convolution."""
    (spec,) = trace(case.model(), case.example()).specs
    return spec


@lru_cache(maxsize=512)
def plan_lone_conv(method: Method, case: Case) -> Plan | Skip:
    """Return the plan that compresses a case's only convolution, whether or not it gets smaller by that."""
    spec = lone_spec(case)
    alone = method.layer_cost(spec)
    if isinstance(alone, Skip):
        return alone
    try:
        groups = method.share([spec])
    except SettingError as error:  # a setting that names layers which are not here
        return Skip(str(error))
    demand(
        groups == [[spec]],
        f"share() of one layer returned {groups}: it has to be the partition [[spec]], every layer in one group",
    )
    costs, shared = method.group_costs([spec])
    demand(len(costs) == 1, f"group_costs() of one layer returned {len(costs)} costs: return one for each layer")
    return Plan(method, (LayerPlan(spec, spec.cost, costs[0], group=0),), (GroupPlan(method, (spec.path,), shared),))


def compress_case(method: Method, case: Case, seed: int = 0, weights: int = 0) -> nn.Module:
    """Return the case's model compressed, in eval mode.

    Parameters
    ----------
    method
        The method with its settings.
    case
        What to compress.
    seed
        Of the method's random choices.
    weights
        Seed of the dense model's weights.
    """
    return begin(case.model(weights), case.plan(method), seed=seed).finish().eval()


@lru_cache(maxsize=512)
def compressed(method: Method, case: Case) -> nn.Module:
    """Return `compress_case`, the same model to every check that asks: it must not be changed."""
    return compress_case(method, case)


def compress_changed(method: Method, case: Case, change: Callable[[Tensor], object]) -> nn.Module:
    """Return the layer that replaces a lone convolution whose weight has been changed in place before."""
    model = case.model()
    with torch.no_grad():
        change(model.get_parameter("0.weight"))
    return begin(model, case.plan(method)).finish().eval().get_submodule("0")


def ignores_weights(method: Method, case: Case) -> bool:
    """Return whether a lone convolution's replacement is the same whatever its weight: it starts at random."""
    other = case.model(1).get_parameter("0.weight")
    states = [compressed(method, case).get_submodule("0").state_dict()]
    states.append(compress_changed(method, case, lambda weight: weight.copy_(other)).state_dict())
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def lone_layer(method: Method, case: Case) -> CompressedConv2d:
    """Return what stands in place of a lone convolution; to be left as it is, like `compressed`.

    Raises
    ------
    ConformanceFailure
        If it is no `CompressedConv2d`, which all that counts and deploys layers relies on.
    """
    layer = compressed(method, case).get_submodule("0")
    demand(
        isinstance(layer, CompressedConv2d),
        f"the replacement is a {type(layer).__name__}: derive it from CompressedConv2d, which tells counting and "
        "deployment what it stores and which forms it has",
    )
    assert isinstance(layer, CompressedConv2d)
    return layer


def randomise(module: nn.Module, seed: int) -> None:
    """Give a module weights and statistics that follow from ``seed``, none of them zero or one by default."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: Tensor, scale: float, mean: float = 0.0) -> None:
        tensor.copy_(mean + scale * torch.randn(tensor.shape, generator=generator))

    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                draw(part.weight, part.weight[0].numel() ** -0.5)
                if part.bias is not None:
                    draw(part.bias, 0.3)
            elif isinstance(part, nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                draw(part.weight, 0.1, mean=1.0)
                draw(part.bias, 0.1)
                draw(part.running_mean, 0.1)
                part.running_var.copy_(1 + torch.rand(part.num_features, generator=generator))
