"""The forms of compressed layers: of those that compute what the layer does, the fastest is taken."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.forward import first_argument
from ...contract.layers import CompressedConv2d
from ...contract.rewrite import compressed_layers, replace_module
from ...contract.soundness.carried import HOOKS
from .copies import to_run
from .equivalence import Reference, rounding_of
from .inputs import run_example
from .tracing import has_hooks

ROUNDS = 9
"""Timed rounds in which the forms of a layer take turns."""
OUTPUTS = 16
"""Rows and columns of the outputs, before padding and stride, in which the forms of a layer are compared."""


class WrongFormWarning(UserWarning):
    """A form that does not compute what its layer does was left out."""


def choose_forms(
    model: nn.Module, example: Any, forms: str, dtype: torch.dtype | None, channels_last: bool, notes: list[Warning]
) -> dict[str, str]:
    """Replace each compressed layer by one of its forms, and return the names of the forms by path."""
    paths: dict[CompressedConv2d, list[str]] = {}
    for path, layer in compressed_layers(model).items():
        paths.setdefault(layer, []).append(path)
    inputs = _inputs(to_run(model), [names[0] for names in paths.values()], example) if paths else {}
    chosen: dict[str, str] = {}
    for layer, names in paths.items():
        path, x = names[0], inputs.get(names[0])
        # before the forms are made: a weight that a hook computes is the right one after a call
        reference = None if x is None else Reference(layer, _corner(layer, x))
        candidates = _candidates(layer, forms == "compact" or x is None)
        for form in candidates.values():
            _carry_hooks(layer, form)
            if channels_last:
                to_channels_last(form)
        if reference is not None:
            candidates = _right(candidates, layer, path, reference, notes)
        chosen[path], form = _fastest(candidates, x, dtype)
        for name in names:
            replace_module(model, name, form)
    return chosen


def _inputs(model: nn.Module, paths: Collection[str], example: Any) -> dict[str, Tensor]:
    """Return what each layer sees first when ``example`` goes through the model."""
    seen: dict[str, Tensor] = {}

    def keep(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # inside the model, autocast may have changed the type
        weight = next(model.get_submodule(path).parameters(), None)
        x = first_argument(args, kwargs)
        seen.setdefault(path, x if weight is None else x.to(weight.dtype))

    for path in paths:
        model.get_submodule(path).register_forward_pre_hook(
            lambda _, args, kwargs, path=path: keep(path, args, kwargs), with_kwargs=True
        )
    run_example(model, example)
    return seen


def _corner(layer: CompressedConv2d, x: Tensor) -> Tensor:
    """Return a corner of a layer's input, which is enough to compare forms on: they compute the same at every place."""
    spec = layer.spec
    extent = [d * (k - 1) + OUTPUTS for d, k in zip(spec.dilation, spec.kernel_size, strict=True)]
    return x[..., : extent[0], : extent[1]]


def _candidates(layer: CompressedConv2d, compact: bool) -> dict[str, nn.Module]:
    """Return the forms to choose from, in inference mode."""
    if any(has_hooks(part) for part in layer.modules() if part is not layer):
        return {"layer": layer}  # a form would be without what hangs on the inner modules
    forms = {"compact": layer.compact()} if compact else layer.forms()
    return {name: form.eval().requires_grad_(False) for name, form in forms.items()}


def _carry_hooks(layer: nn.Module, form: nn.Module) -> None:
    """Put the hooks of a layer on what stands for it."""
    if form is not layer:
        for name in HOOKS:
            getattr(form, name).update(getattr(layer, name))


def _right(
    candidates: Mapping[str, nn.Module], layer: nn.Module, path: str, reference: Reference, notes: list[Warning]
) -> dict[str, nn.Module]:
    """Return the forms that compute what the layer does; the layer itself if there are none."""
    eps = rounding_of([layer])
    right: dict[str, nn.Module] = {}
    for name, form in candidates.items():
        found = None if form is layer else reference.difference(form, eps)
        if found is None:
            right[name] = form
        else:
            notes.append(WrongFormWarning(
                f"the form {name!r} of {path}, a {type(layer).__name__}, is left out: it does not compute what the "
                f"layer does ({found})"
            ))  # fmt: skip
    return right or {"layer": layer}


def to_channels_last(module: nn.Module) -> None:
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 4 and tensor.layout is torch.strided:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)


def _fastest(forms: Mapping[str, nn.Module], x: Tensor | None, dtype: torch.dtype | None) -> tuple[str, nn.Module]:
    """Time the forms in turn on ``x``, in precision ``dtype`` if it is given, and return the one of least median."""
    if len(forms) == 1 or x is None:
        return next(iter(forms.items()))
    timed = forms
    if dtype is not None:
        x = x.to(dtype)
        converted = {name: copy.deepcopy(form).to(dtype) for name, form in forms.items()}
        timed = {name: form for name, form in converted.items() if _runs(form, x)}
        if not timed:  # an error then comes when the model is run in this precision
            return next(iter(forms.items()))
    times: dict[str, list[float]] = {name: [] for name in timed}
    for round_ in range(ROUNDS + 1):
        for name, module in timed.items():
            _synchronise(x.device)
            start = time.perf_counter()
            module(x)
            _synchronise(x.device)
            if round_:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    name = min(times, key=lambda name: median(times[name]))
    return name, forms[name]


def _runs(module: nn.Module, x: Tensor) -> bool:
    """Return whether a module runs on ``x``: not every operation has a kernel for every precision."""
    try:
        module(x)
    except (RuntimeError, NotImplementedError):
        return False
    return True


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
