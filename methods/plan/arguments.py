"""Checks of the public functions' arguments: each error says what to pass instead."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..contract.cost import Target
from ..contract.errors import MethodError, require
from ..contract.method import Method
from ..contract.rewrite import compressed_layers
from ..contract.soundness.models import require_plain
from ..contract.whole_model import WholeModelMethod
from .plan import Plan


def require_module(model: Any) -> None:
    """Raise `SettingError` unless ``model`` is a module."""
    require(isinstance(model, nn.Module), f"the model is a torch.nn.Module, got {model!r}")


def require_model(model: Any) -> None:
    """Raise `SettingError` unless ``model`` is a module whose layers can be seen and replaced."""
    require_module(model)
    require_plain(model)


def require_method(method: Any) -> None:
    """Raise `SettingError` unless ``method`` is a method with its settings: no name, and no class."""
    if isinstance(method, str):
        require(False, f"the method is given with its settings: get_method({method!r}) instead of {method!r}")
    if isinstance(method, type) and issubclass(method, Method):
        require(False, f"the method is given with its settings: {method.__name__}(…) instead of the class")
    require(isinstance(method, Method), f"the method is a value such as SVD(rank=0.3), got {method!r}")


def require_target(target: Any) -> None:
    """Raise `SettingError` unless ``target`` is a budget or None."""
    valid = target is None or isinstance(target, Target)
    require(valid, f"the budget says what it is on: Target(params=0.3) for 30 % of the conv weights, got {target!r}")


def require_plan(plan: Any) -> None:
    """Raise `SettingError` unless ``plan`` is a plan."""
    valid = isinstance(plan, Plan)
    require(valid, f"begin takes a plan: begin(model, plan(model, method, example)); got {plan!r}")


def require_dense(model: nn.Module, *, stage: bool) -> None:
    """Raise `MethodError` if ``model`` is compressed already, or deployed.

    Parameters
    ----------
    model
        The model to make a plan for.
    stage
        Whether the caller chose layers and set no budget. More layers of a compressed model may then be compressed.
    """
    layers = compressed_layers(model)
    advice = "start from the dense model (compress and begin work in place: keep a copy.deepcopy of it)"
    if vars(model).get("decompbench_forms"):
        raise MethodError(f"the model is deployed, its compressed layers are for inference only: {advice}")
    earlier = vars(model).get("decompbench_plan")
    if isinstance(earlier, Plan) and isinstance(earlier.method, WholeModelMethod):
        raise MethodError(f"{earlier.method.name} has made the model smaller as a whole: {advice}")
    if layers and not stage:
        path, layer = next(iter(layers.items()))
        raise MethodError(f"the model is compressed already, {path!r} is a {type(layer).__name__}: {advice}")
