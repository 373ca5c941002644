"""The run of an example through a model, and in words what is wrong with one that does not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import MethodError, SettingError
from ..forward import call
from ..spec import ConvSpec
from .memory import tensors_in
from .usage import Running


def run_example(model: nn.Module, example: Any, running: Sequence[Running] = ()) -> Any:
    """Return what a model gives for an example, which is one tensor or a tuple of arguments.

    Parameters
    ----------
    model, example
        As for `call`.
    running
        The layers whose forward is running, kept by the caller's `Usage`; the innermost is named if the run fails.

    Raises
    ------
    SettingError
        If it does not run. Too little memory is no fault of the example, and is raised as it is.
    """
    try:
        return call(model, example)
    except (MethodError, MemoryError):
        raise
    except Exception as error:  # a model may raise anything
        if _is_out_of_memory(error):
            raise
        reason = _reason_at(running[-1]) if running else _reason_before(model, example)
        said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise SettingError(f"the example does not run through the model: {reason or said}") from error


def _reason_at(running: Running) -> str | None:
    """Return why a layer cannot take what it was given; None if there is nothing to see."""
    layer, given = running.layer, running.given
    weight = layer._parameters.get("weight")
    channels = getattr(layer, "in_channels", None)
    sizes = len(getattr(layer, "kernel_size", ()))
    where = f"{running.path!r}"
    if not isinstance(given, Tensor) or channels is None:
        return None
    shape = tuple(given.shape)
    if given.dim() not in (sizes + 1, sizes + 2):
        return f"{where} takes a tensor of {sizes + 2} dimensions, (batch, channels, …), and was given {shape}"
    if shape[-sizes - 1] != channels:
        return f"{where} takes {channels} channels and was given {shape[-sizes - 1]}, in a tensor of shape {shape}"
    if weight is not None and given.device != weight.device:
        return f"{where} is on {weight.device} and was given a tensor on {given.device}"
    if weight is not None and given.dtype != weight.dtype:
        return f"{where} has weights of {weight.dtype} and was given a tensor of {given.dtype}"
    return None


def _reason_before(model: nn.Module, example: Any) -> str | None:
    """Return why a model whose layers have not been reached cannot take an example; None if there is nothing to see."""
    devices = {parameter.device for parameter in model.parameters()}
    for tensor in tensors_in(example):
        if len(devices) == 1 and tensor.device not in devices:
            return f"the model is on {next(iter(devices))} and the example on {tensor.device}"
    return None


def require_fit(example: Any, layer: ConvSpec, device: torch.device, given: Tensor) -> None:
    """Raise `SettingError` if what a layer is given shows that the example is on another device, or is no batch."""
    if given.device != device:  # the meta device goes with any other
        raise SettingError(f"the example does not fit the model: {layer.path!r} is on {device} and was given a "
                           f"tensor on {given.device}")  # fmt: skip
    first = example[0] if isinstance(example, tuple) else example
    sizes = len(layer.kernel_size)
    images = given.shape[0] if given.dim() == sizes + 2 else None
    if first.dim() == sizes + 1 and (images is None or images == 1 != first.shape[0]):
        raise SettingError(
            f"the example has no batch dimension: it is {tuple(first.shape)}, of which {layer.path!r} makes one image. "
            "Pass example[None]"
        )


def _is_out_of_memory(error: Exception) -> bool:
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
