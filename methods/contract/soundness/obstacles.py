"""Obstacles: what about a convolution keeps it from being replaced, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import SettingError
from .memory import shared_memory

PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""Types of weights that methods decompose."""
_STATE_HOOKS = (
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
)  # fmt: skip


def obstacles(model: nn.Module, convs: Mapping[str, nn.Module]) -> dict[str, str]:
    """Return, by path, why a convolution of ``model`` cannot be replaced without changing more than its weight.

    A replacement takes over hooks that see inputs, outputs and gradients (`carry`). It cannot take over what is about
    the weight, which it does not have: memory that others hold too, hooks on the weight's gradient, a hook that
    computes it.
    """
    found = shared_memory(model, convs)
    for path, conv in convs.items():
        if (reason := _obstacle(conv)) is not None:
            found[path] = reason
    return found


def _obstacle(conv: nn.Module) -> str | None:
    """Return what about the module itself keeps it from being replaced."""
    for name in ("weight", "bias"):
        if name not in conv._parameters:
            return f"its {name} is computed by a hook: remove that first"
        if (tensor := conv._parameters[name]) is not None and (reason := _obstacle_of(tensor)) is not None:
            return f"its {name} {reason}"
    further = [*(conv._parameters.keys() - {"weight", "bias"}), *conv._buffers, *conv._modules]
    if further:
        return f"it holds {further[0]!r}, which a convolution does not have"
    patched = [name for name, own in vars(conv).items() if callable(own) and callable(getattr(type(conv), name, None))]
    if patched:
        return f"its {patched[0]} is not that of a {type(conv).__name__}"
    if any(_is_foreign(hook) for name in _STATE_HOOKS for hook in getattr(conv, name).values()):
        return "a hook takes part in its state dict, which a replacement has other tensors in"
    if conv._backward_hooks and not conv._is_full_backward_hook:
        return "it has a backward hook of the old kind: use register_full_backward_hook"
    return None


def _is_foreign(hook: Callable[..., object]) -> bool:
    """Return whether a hook of the state dict is somebody's: torch leaves some of its own that read older files."""
    return not getattr(getattr(hook, "hook", hook), "__module__", "").startswith("torch.")


def _obstacle_of(tensor: Tensor) -> str | None:
    """Return what about a weight or bias keeps it from being replaced."""
    if type(tensor) is not nn.Parameter:
        return f"is a {type(tensor).__name__} and not a plain parameter"
    if tensor.dtype not in PRECISIONS:
        return f"is {str(tensor.dtype).removeprefix('torch.')}, which no method decomposes"
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
        return "has a hook on its gradient"
    return None


def require_finite(convs: Mapping[str, nn.Module]) -> None:
    """Raise `SettingError` if a weight or bias of some convolutions, by path, has no values or is not finite."""
    for path, conv in convs.items():
        for name, tensor in conv._parameters.items():
            if tensor is None:
                continue
            if tensor.is_meta:
                raise SettingError(f"the {name} of {path!r} is on the meta device: it has no values to compress")
            total = tensor.numel()
            if wrong := total - int(tensor.detach().isfinite().sum()):
                raise SettingError(f"{wrong:,} of the {total:,} values in the {name} of {path!r} are NaN or infinite")
