"""The graph of a model, which is looked at and not run: the model keeps its own forward."""

from __future__ import annotations

import inspect
import random
from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Tracer

from ...contract.forward import device_of
from ...contract.soundness.carried import HOOKS
from .copies import to_run
from .inputs import random_numbers_of


class _Tracer(Tracer):
    """A symbolic tracer that goes around some modules, and around all whose hooks would see its stand-ins."""

    def __init__(self, whole: Collection[nn.Module] = ()) -> None:
        super().__init__()
        self.whole = whole

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        opaque = m in self.whole or isinstance(m, torch.jit.ScriptModule) or has_hooks(m)
        return opaque or super().is_leaf_module(m, module_qualified_name)


def has_hooks(module: nn.Module) -> bool:
    """Return whether anything else is called when a module is."""
    return any(getattr(module, name, None) for name in HOOKS)


def traced(model: nn.Module, whole: Collection[str], example: Any) -> tuple[nn.Module, Graph | None]:
    """Return a copy of a model, which the tracer's stand-ins have gone through, and its graph.

    There is none where the forward pass is more than one graph.
    """
    shown = to_run(model)
    own_call = type(model).__call__ is not nn.Module.__call__ and not isinstance(model, GraphModule)
    if own_call or "forward" in vars(model):
        return shown, None  # the tracer would follow the forward of the class
    with random_numbers_of(0, device_of(model)):
        before = _random_states()
        try:
            graph = _Tracer([shown.get_submodule(path) for path in whole]).trace(shown, _constants(model, example))
        except Exception:  # symbolic tracing fails in as many ways as there are forwards
            return shown, None
        # a forward pass that draws random numbers by itself may take another way the next time
        return shown, graph if _random_states() == before else None


def _random_states() -> list[Any]:
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [random.getstate(), *(bytes(state.numpy()) for state in (torch.random.get_rng_state(), *on_gpu))]


def _constants(model: nn.Module, example: Any) -> dict[str, Any]:
    """Return the arguments of a model's forward that are plain values for this example, such as None for a mask."""
    signature = inspect.signature(type(model).forward)
    try:
        bound = signature.bind(model, *(example if isinstance(example, tuple) else [example]))
    except TypeError:
        return {}
    bound.apply_defaults()
    return {name: x for name, x in bound.arguments.items() if x is None or isinstance(x, bool | int | float | str)}


def untraceable(model: nn.Module, paths: Collection[str]) -> dict[str, str]:
    """Return the modules at ``paths`` that ``torch.fx`` cannot trace, with the errors."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            _Tracer().trace(to_run(model.get_submodule(path)))
        except Exception as error:
            found[path] = f"{type(error).__name__}: {error}"
    return found
