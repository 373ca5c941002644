"""The inference form of a model. Dense and compressed ones get the same treatment, so that they can be compared."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Tracer
from torch.fx.experimental.optimization import fuse

from ..contract.forward import call, evaluating, first_argument, require_example, untouched_random_numbers
from ..contract.layers import CompressedConv2d
from ..contract.rewrite import compressed_layers, is_channels_last, replace_module

ROUNDS = 9
"""Timed rounds in which the forms of a layer take turns."""


@untouched_random_numbers()
def deploy(
    model: nn.Module,
    example: Tensor | tuple[Any, ...],
    *,
    forms: Literal["fastest", "compact"] = "fastest",
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Return a copy of ``model`` for inference that computes the same, up to rounding.

    Batch-norm is folded into the convolution before it, virtual weights are computed once, and of a layer's
    algebraically equal forms one is chosen. The dense form of a weight-space layer is always among them, so a layer
    is not slower than the one it replaced.

    Parameters
    ----------
    model
        Dense or compressed; left as it is.
    example
        Input of the shape, memory format and device that will be used; forms are timed on what it gives each layer.
    forms
        ``"fastest"`` times the forms of each layer here and now and takes the fastest; ``"compact"`` takes the form
        with the multiply-accumulates that the method promises, on which MACs are counted.
    dtype
        Precision that the caller will convert the model to, and that forms are timed in: another form may be fastest
        there. The result still has the model's own precision.

    Returns
    -------
    nn.Module
        In eval mode, its parameters without gradients. ``decompbench_forms`` maps each compressed layer's path to the
        name of its form; ``decompbench_folded`` tells whether batch-norm could be folded (it needs a model that
        ``torch.fx`` can trace). A compressed layer that cannot be traced is kept whole, with a warning: the batch-norm
        behind it stays, all others are folded.
    """
    require_example(example)
    deployed = copy.deepcopy(model).eval().requires_grad_(False)
    paths: dict[CompressedConv2d, list[str]] = {}
    for path, layer in compressed_layers(deployed).items():
        paths.setdefault(layer, []).append(path)
    layers = {aliases[0]: layer for layer, aliases in paths.items()}
    inputs_given = example if isinstance(example, tuple) else (example,)
    tensors = (tensor for tensor in (*inputs_given, *model.parameters()) if isinstance(tensor, Tensor))
    channels_last = any(map(is_channels_last, tensors))
    inputs = _inputs(deployed, layers, example) if forms == "fastest" and layers else {}
    chosen: dict[str, str] = {}
    with torch.no_grad():
        for path, layer in layers.items():
            if forms == "compact" or path not in inputs:
                name, module = "compact", layer.compact()
            else:
                candidates = layer.forms()
                if channels_last:  # forms are new modules, in the default layout
                    for form in candidates.values():
                        form.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
                name, module = _fastest(candidates, inputs[path], dtype)
            chosen[path] = name
            for alias in paths[layer]:
                replace_module(deployed, alias, module.eval().requires_grad_(False))
    deployed, folded = _fold_batch_norm(deployed, list(layers), example)
    if channels_last:  # folded and new modules are in the default layout
        deployed.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    vars(deployed).update(decompbench_forms=chosen, decompbench_folded=folded)
    return deployed


def _inputs(model: nn.Module, layers: Mapping[str, nn.Module], example: Tensor | tuple[Any, ...]) -> dict[str, Tensor]:
    """Return what each layer sees when ``example`` goes through the model."""
    seen: dict[str, Tensor] = {}

    def keeper(path: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen.setdefault(path, first_argument(args, kwargs))

        return keep

    hooks = [layer.register_forward_pre_hook(keeper(path), with_kwargs=True) for path, layer in layers.items()]
    try:
        with evaluating(model):
            call(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _fastest(forms: Mapping[str, nn.Module], x: Tensor, dtype: torch.dtype | None) -> tuple[str, nn.Module]:
    """Time the forms in turn on ``x``, in precision ``dtype`` if it is given, and return the one of least median."""
    if len(forms) == 1:
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


def _fold_batch_norm(
    model: nn.Module, paths: Collection[str], example: Tensor | tuple[Any, ...]
) -> tuple[nn.Module, bool]:
    """Fold batch-norm where ``torch.fx`` can trace the model and the result computes the same.

    The replacements at ``paths`` are traced through if they can be, so that batch-norm is folded into their last
    convolution.
    """
    fused = _traced_and_fused(model, ())
    if fused is None and (whole := _untraceable(model, paths)):
        fused = _traced_and_fused(model, whole)
    if fused is None:
        return model, False
    with evaluating(model):
        expected, actual = call(model, example), call(fused, example)
    return (fused, True) if _same(actual, expected) else (model, False)


class _KeepingWhole(Tracer):
    """A symbolic tracer that keeps some modules whole."""

    def __init__(self, whole: Collection[nn.Module]) -> None:
        super().__init__()
        self.whole = whole

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # a linear layer of a library's own class stays a module that counters can find
        return m in self.whole or isinstance(m, nn.Linear) or super().is_leaf_module(m, module_qualified_name)


def _traced_and_fused(model: nn.Module, whole: Collection[nn.Module]) -> nn.Module | None:
    """Return the model with batch-norm folded, or None where it cannot be traced."""
    try:
        traced = GraphModule(model, _KeepingWhole(whole).trace(model), type(model).__name__)
        return fuse(traced, no_trace=True).eval().requires_grad_(False)
    except Exception:  # symbolic tracing fails in as many ways as there are forwards
        return None


def _untraceable(model: nn.Module, paths: Collection[str]) -> list[nn.Module]:
    """Return the modules at ``paths`` that ``torch.fx`` cannot trace, having warned of them."""
    whole: list[nn.Module] = []
    for path in paths:
        layer = model.get_submodule(path)
        try:
            _KeepingWhole(()).trace(layer)
        except Exception as error:
            whole.append(layer)
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"batch-norm behind {path} is not folded: torch.fx cannot trace its {type(layer).__name__} ({reason})",
                stacklevel=5,  # where deploy was called, past the decorator
            )
    return whole


def _same(actual: Any, expected: Any) -> bool:
    """Return whether two outputs agree: tensors, or tuples and lists of them."""
    if isinstance(expected, (tuple, list)):
        alike = isinstance(actual, type(expected)) and len(actual) == len(expected)
        return alike and all(map(_same, actual, expected))
    return isinstance(expected, Tensor) and isinstance(actual, Tensor) and _close(actual, expected)


def _close(actual: Tensor, expected: Tensor) -> bool:
    """Return whether two outputs differ by no more than rounding adds up to over the layers of a network."""
    eps = torch.finfo(expected.dtype).eps
    tolerance = max(1e-4, 8 * eps)  # 0.06 in bfloat16, 0.008 in float16
    return bool((actual - expected).norm() <= tolerance * expected.norm().clamp(min=1e-12))
