"""The compression of a case, step by step as users do it: plan, begin, finish."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor, nn

from ..contract.cost import Skip
from ..contract.errors import SettingError
from ..contract.layers import CompressedConv2d
from ..contract.method import Method
from ..contract.settings.select import Select
from ..contract.spec import ConvSpec, Layers
from ..contract.trace import Trace, trace
from ..lifecycle.session import Session, begin
from ..plan.plan import Plan
from ..plan.planner import plan
from .failure import demand


class Case(Protocol):
    """One thing that a method is checked on: a model, an input for it, and a plan by the method."""

    @property
    def layers(self) -> Layers:
        """What the plan is about."""
        ...

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
def _lone_trace(case: Case) -> Trace:
    return trace(case.model(), case.example(), case.layers)


def lone_spec(case: Case) -> ConvSpec:
    """Return the spec of a case's only convolution."""
    (spec,) = _lone_trace(case).specs
    return spec


@lru_cache(maxsize=512)
def plan_lone_conv(method: Method, case: Case) -> Plan | Skip:
    """Return the plan that compresses a case's only convolution, whether or not it gets smaller by that."""
    try:
        made = plan(
            case.model(),
            method,
            case.example(),
            select=Select(skip_classifier=False),
            inefficient="replace",
            layers=case.layers,
            traced=_lone_trace(case),
        )
    except SettingError as error:  # a setting that names layers which are not here
        return Skip(str(error))
    return made if made.groups else Skip(made.layers[0].reason or "")


def begin_case(model: nn.Module, method: Method, case: Case, seed: int = 0) -> Session:
    """Begin a session for ``model``, which is the case's or one of its shape, by the case's plan.

    Calibration is the case's example.
    """
    return begin(model, case.plan(method), seed=seed, calibration=[case.example()])


def compress_case(method: Method, case: Case, seed: int = 0, weights: int = 0) -> nn.Module:
    """Return the case's model compressed, in eval mode.

    Parameters
    ----------
    method
        The method with its settings.
    case
        The case to compress.
    seed
        Seed of the method's random choices.
    weights
        Seed of the dense model's weights.
    """
    return begin_case(case.model(weights), method, case, seed).finish().eval()


@lru_cache(maxsize=512)
def compressed(method: Method, case: Case) -> nn.Module:
    """Return the result of `compress_case`, one model for all checks: it must not be changed."""
    return compress_case(method, case)


def compress_changed(method: Method, case: Case, change: Callable[[Tensor], object]) -> nn.Module:
    """Return the layer that replaces a lone convolution whose weight has been changed in place before."""
    model = case.model()
    with torch.no_grad():
        change(model.get_parameter("0.weight"))
    return begin_case(model, method, case).finish().eval().get_submodule("0")


def ignores_weights(method: Method, case: Case) -> bool:
    """Return whether a lone convolution's replacement is the same whatever its weight: it starts at random."""
    other = case.model(1).get_parameter("0.weight")
    states = [compressed(method, case).get_submodule("0").state_dict()]
    states.append(compress_changed(method, case, lambda weight: weight.copy_(other)).state_dict())
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def lone_layer(method: Method, case: Case) -> CompressedConv2d:
    """Return the layer that replaces a lone convolution; it must not be changed, as for `compressed`.

    Raises
    ------
    ConformanceFailure
        If it is no `CompressedConv2d`: counting and deployment rely on that class.
    """
    layer = compressed(method, case).get_submodule("0")
    demand(
        isinstance(layer, CompressedConv2d),
        f"the replacement is a {type(layer).__name__}: derive it from CompressedConv2d, which tells counting and "
        "deployment what it stores and which forms it has",
    )
    assert isinstance(layer, CompressedConv2d)
    return layer


def as_decomposed(method: Method, model: nn.Module, case: Case) -> CompressedConv2d:
    """Return a lone convolution's layer right after its decomposition.

    The end of the session may round or freeze it afterwards. ``model`` is the case's, and is changed.
    """
    session = begin_case(model, method, case)
    if session.decomposes_at == "finish":
        session.finish()
    layer = session.model.get_submodule("0")
    demand(
        isinstance(layer, CompressedConv2d),
        f"after {'finish' if session.decomposes_at == 'finish' else 'begin'} the layer is a {type(layer).__name__} "
        f"though decomposes_at is {session.decomposes_at!r}: return CompressedConv2d layers from where it says",
    )
    assert isinstance(layer, CompressedConv2d)
    return layer


def randomise(module: nn.Module, seed: int) -> None:
    """Give a module weights and statistics that follow from ``seed`` and are not the trivial ones, such as 0 and 1."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor: Tensor, scale: float, mean: float = 0.0) -> None:
        tensor.copy_(mean + scale * torch.randn(tensor.shape, generator=generator))

    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, CompressedConv2d):
                continue  # its weight is that of the parts inside
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
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
