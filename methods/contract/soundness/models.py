"""Models that are not what they seem: wrapped, compiled, scripted, quantised ones, and ones without weights as yet."""

from __future__ import annotations

import torch
from torch import nn
from torch.fx import GraphModule
from torch.nn.parameter import is_lazy

from ..errors import require

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def require_plain(model: nn.Module) -> None:
    """Raise `SettingError` unless the layers of ``model`` can be seen and replaced; the message says what to do."""
    for path, module in model.named_modules():
        where = f"its layer {path!r}" if path else "the model"
        kind = type(module).__name__
        require(
            not isinstance(module, torch.jit.ScriptModule) or not any(True for _ in module.parameters()),
            f"{where} is a {kind}, whose layers cannot be replaced: compress first, then use torch.jit on the result",
        )
        require(
            kind != "OptimizedModule" and vars(module).get("_compiled_call_impl") is None,
            f"{where} is compiled by torch.compile: compress the model itself (model._orig_mod, or before "
            "model.compile()), then compile the result",
        )
        require(
            not isinstance(module, _WRAPPERS) and not kind.startswith("FullyShardedDataParallel"),
            f"{where} is a {kind}, which copies or splits what is inside: compress its .module, then wrap the result",
        )
        require(
            not (".quantized" in type(module).__module__ and "Conv" in kind),
            f"{where} is a quantised {kind}, which has no weight to decompose: compress the model before quantising it",
        )
        require(
            not _holds_exported_convolutions(module),
            f"{where} is an exported graph, whose convolutions are no layers: compress the model it was exported from",
        )
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            require(
                not is_lazy(tensor),
                f"the {name} of {where} ({kind}) has no size yet: run the model once on an example, model(example)",
            )


def _holds_exported_convolutions(module: nn.Module) -> bool:
    if not isinstance(module, GraphModule):
        return False
    calls = (node.target for node in module.graph.nodes if node.op == "call_function")
    return any(isinstance(target, torch._ops.OpOverload) and "conv" in target.name() for target in calls)
