"""Models that are not what they seem: wrapped, compiled, scripted, quantised ones, and ones without weights as yet."""

from __future__ import annotations

import torch
from torch import nn
from torch.fx import GraphModule
from torch.nn.parameter import is_lazy

from ..errors import SettingError

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def require_plain(model: nn.Module) -> None:
    """Raise `SettingError` unless the layers of ``model`` can be seen and replaced; the message says what to do."""
    for path, module in model.named_modules():
        if (fault := _fault(module)) is not None:
            where = f"its layer {path!r}" if path else "the model"
            raise SettingError(f"{where} is {fault}")


def _fault(module: nn.Module) -> str | None:
    """Return what a module is that keeps its layers from being seen or replaced, and what to do about it."""
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule) and any(True for _ in module.parameters()):
        return f"a {kind}, whose layers cannot be replaced: compress first, then use torch.jit on the result"
    if kind == "OptimizedModule" or vars(module).get("_compiled_call_impl") is not None:
        return "compiled by torch.compile: compress it before that, or its _orig_mod, and compile the result"
    if isinstance(module, _WRAPPERS) or kind == "FullyShardedDataParallel":
        return f"a {kind}, which copies or splits what is inside: compress its .module, then wrap the result"
    if ".quantized" in type(module).__module__ and "Conv" in kind:
        return f"a quantised {kind}, which has no weight to decompose: compress the model before quantising it"
    if isinstance(module, GraphModule) and _calls_convolutions(module):
        return "an exported graph, whose convolutions are no layers: compress the model it was exported from"
    for name, tensor in (*module._parameters.items(), *module._buffers.items()):
        if tensor is not None and is_lazy(tensor):
            return f"a {kind} whose {name} has no size yet: run the model once on an example, model(example)"
    return None


def _calls_convolutions(module: GraphModule) -> bool:
    """Return whether a graph calls convolutions as operators, as ``torch.export`` writes them."""
    calls = (node.target for node in module.graph.nodes if node.op == "call_function")
    return any(isinstance(target, torch._ops.OpOverload) and "conv" in target.name() for target in calls)
