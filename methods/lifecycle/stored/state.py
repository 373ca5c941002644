"""The state of a model: its parameters, its persistent buffers, and the extra state of its modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...contract.errors import StorageError

EXTRA = "_extra_state"
"""The name under which torch keeps what a module's ``get_extra_state`` returns."""
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64,
        torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.bool,
        torch.uint64, torch.uint32, torch.uint16, torch.uint8,
    )
}  # fmt: skip
"""Types of tensors that a file can hold, by name."""


@dataclass
class State:
    """The state of a model, under the names that torch gives it.

    Attributes
    ----------
    tensors
        The very parameters and persistent buffers; several names may have the same.
    holders
        The module and the attribute of each.
    extra
        The modules with an extra state, by its name.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    holders: dict[str, tuple[nn.Module, str]] = field(default_factory=dict)
    extra: dict[str, nn.Module] = field(default_factory=dict)


def state_of(model: nn.Module) -> State:
    """Return the state of a model, whatever hooks make of its ``state_dict``.

    Raises
    ------
    StorageError
        If a module keeps state elsewhere than in parameters, buffers and the extra state.
    """
    state = State()
    for path, module in model.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        if isinstance(module, torch.jit.ScriptModule):
            raise StorageError(f"{path or 'the model'} is a scripted module: save the one that it was scripted from")
        own: dict[str, Any] = {}
        module._save_to_state_dict(own, "", True)
        for key, value in own.items():
            if key == EXTRA:
                state.extra[prefix + key] = module
            elif value is module._parameters.get(key) or value is module._buffers.get(key):
                state.tensors[prefix + key] = value
                state.holders[prefix + key] = (module, key)
            else:
                raise StorageError(
                    f"{prefix + key} is made by the _save_to_state_dict of {type(module).__name__}, and is neither a "
                    "parameter nor a buffer: it could not be loaded again"
                )
    return state


def require_storable(name: str, tensor: Tensor) -> None:
    """Raise `StorageError` for a tensor that would not come back bit for bit."""
    if is_lazy(tensor):
        raise StorageError(f"{name} has no size yet: call the model once before it is saved")
    kind = str(tensor.dtype).removeprefix("torch.")
    reason = None
    if type(tensor) not in (Tensor, nn.Parameter):
        reason = f"it is a {type(tensor).__name__}"
    elif tensor.is_quantized or kind not in DTYPES:
        reason = f"it is {kind}"
    elif tensor.is_nested or tensor.layout is not torch.strided:
        reason = "it is nested" if tensor.is_nested else f"its layout is {str(tensor.layout).removeprefix('torch.')}"
    elif tensor.is_meta:
        reason = "it is on the meta device, without values"
    if reason is not None:
        raise StorageError(f"{name} cannot be stored: {reason}")


def computed_types(model: nn.Module) -> dict[str, str]:
    """Return, by name, the types of the buffers that are not stored but built, where they are not the usual float32."""
    return {
        name: str(buffer.dtype).removeprefix("torch.")
        for name, buffer in _computed(model).items()
        if buffer.is_floating_point() and buffer.dtype != torch.float32
    }


def convert_computed(model: nn.Module, types: dict[str, str]) -> None:
    """Give buffers that a model has built the types they had in the model that was saved."""
    for name, buffer in _computed(model).items():
        if name in types:
            buffer.data = buffer.data.to(DTYPES[types[name]])


def _computed(model: nn.Module) -> dict[str, Tensor]:
    return {
        f"{path}.{name}".lstrip("."): buffer
        for path, module in model.named_modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and name in module._non_persistent_buffers_set
    }
