"""The sensitivity of a network to each group of layers: how much its output changes if that alone is compressed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.errors import MethodError, SettingError
from ...contract.forward import call, device_of, evaluating
from ...contract.method import Method
from ...contract.rewrite import adopt, replace_conv
from ..inputs import Batch, first_inputs, to_device
from .curves import Group, Point

SENSITIVITY_SAMPLES = 128
"""Calibration inputs that the outputs are compared on."""


def sensitivities(
    model: nn.Module, groups: Sequence[Group], curves: Sequence[Sequence[Point]], calibration: Iterable[Batch] | None
) -> list[float]:
    """Return, for each group, the relative change of the network's output per relative error of its weights.

    Both are squared: ``(Σ ‖f(x) − f'(x)‖² / Σ ‖f(x)‖²) / error``. ``f'`` has the group compressed at its uniform size,
    or at its smallest where it is dense at that, and everything else as it is. No labels are needed.

    Raises
    ------
    SettingError
        If there are no calibration inputs.
    MethodError
        If the network has no floating-point output, or one that is not finite.
    """
    batches = list(first_inputs(() if calibration is None else calibration, SENSITIVITY_SAMPLES))
    if not batches:
        raise SettingError(
            "allocate='sensitivity' compares the network's outputs: pass calibration=batches, some "
            f"{SENSITIVITY_SAMPLES} inputs of the network in batches"
        )
    batches = [to_device(batch, device_of(model)) for batch in batches]
    probe = copy.deepcopy(model)
    with evaluating(probe):
        expected = _outputs(probe, batches)
        power = sum(float(out.square().sum()) for out in expected)
        if not 0 < power < float("inf"):
            raise MethodError(f"the network's outputs on the calibration inputs have a squared norm of {power}: there "
                              "is no relative change to measure")  # fmt: skip
        found = []
        for group, curve in zip(groups, curves, strict=True):
            size = group.uniform if group.price(group.uniform) is not None else curve[0].size
            error = group.measured_error(size)
            change = _change(probe, group, size, batches, expected) if size is not None and error > 0 else 0.0
            found.append(change / power / error if error > 0 else 0.0)
    return found


def _change(
    probe: nn.Module, group: Group, size: Method, batches: Sequence[Batch], expected: Sequence[Tensor]
) -> float:
    """Return the squared change of the outputs with one group compressed."""
    convs = {spec.path: probe.get_submodule(spec.path) for spec in group.specs}
    replacements = size.compress_group(group.convs, group.specs, torch.Generator().manual_seed(0))
    for spec in group.specs:
        replace_conv(probe, spec, adopt(replacements[spec.path], group.convs[spec.path]).eval())
    changed = _outputs(probe, batches)
    for spec in group.specs:
        replace_conv(probe, spec, convs[spec.path])
    return sum(float((new - old).square().sum()) for new, old in zip(changed, expected, strict=True))


def _outputs(model: nn.Module, batches: Sequence[Batch]) -> list[Tensor]:
    """Return the floating-point tensors of a network's outputs for all batches, in double precision."""
    torch.manual_seed(0)  # for networks that draw random numbers in eval mode, too
    return [tensor.double() for batch in batches for tensor in _tensors(call(model, batch))
            if tensor.is_floating_point()]  # fmt: skip


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _tensors(value)
