"""The check of one model with every method, in a process of its own."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ....methods import Layers, Plan, begin, get_method, plan
from ....models import load_model
from ...base.events import Emit
from ...base.runtime import RuntimeSettings, configure, seed_everything
from ...measure import count_model
from ...planning.meta_model import own_input_size
from .outcome import MethodOutcome

#: Heights and widths that are tried, smallest first.
SIZES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 299, 320, 384, 448, 512)


class SweepError(ValueError):
    """Something that must hold of every method on every model does not."""


def check_model(emit: Emit, name: str, methods: Sequence[tuple[str, dict[str, Any]]], layers: Layers = "conv") -> None:
    """Check methods on one model with fresh weights.

    Parameters
    ----------
    emit
        Called with ``("model", dict)`` of what is known of the dense model, then for each method with
        ``("begins", name)`` and ``("outcome", MethodOutcome)``.
    name
        As `load_model` takes it.
    methods
        Names of methods, with the settings that are not the default ones.
    layers
        What is compressed: convolutions, or linear layers, too.

    Raises
    ------
    SweepError
        If the model takes no input of any size tried.
    CountMismatchError
        If the counters disagree on the dense model.
    """
    configure(RuntimeSettings(threads=1))  # images are tiny: more threads would wait for one another
    seed_everything(0)
    model = load_model(name).eval()
    example = smallest_example(model)
    with torch.no_grad():
        expected = _shapes(model(example))
    dense = plan(model, get_method("dense"), example, layers=layers)
    macs = dense.macs_before
    count_model(model, example, planned_weights=dense.before.weights, planned_macs=macs, what="dense", layers=layers)
    convs, weights = len(dense.layers), dense.before.weights
    emit("model", {"convs": convs, "size": example.shape[-1], "weights": weights, "macs": macs})
    for method, settings in methods:
        emit("begins", method)
        emit("outcome", _outcome(model, method, settings, example, expected, layers))


def smallest_example(model: nn.Module) -> Tensor:
    """Return the smallest square input, of one image, that the model accepts.

    Raises
    ------
    SweepError
        If it accepts none of `SIZES`.
    """
    channels, *_ = own_input_size(model)
    problem = None
    for size in SIZES:
        example = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad():
                model(example)
        except Exception as error:  # too small an input fails in as many ways as there are models
            problem = error
        else:
            return example
    raise SweepError(f"the model takes no square input of {SIZES[0]} to {SIZES[-1]} pixels: {problem}")


def _outcome(
    model: nn.Module, name: str, settings: dict[str, Any], example: Tensor, expected: Any, layers: Layers
) -> MethodOutcome:
    """Compress a copy of the model and compare what comes out with what the plan says."""
    start = time.perf_counter()
    try:
        todo = plan(model, get_method(name, **settings), example, layers=layers)
        reasons = _reasons(todo)
        if todo.groups:
            _check(begin(copy.deepcopy(model), todo).finish().eval(), todo, example, expected)
    except Exception as error:  # the next method may fare better
        seconds = time.perf_counter() - start
        return MethodOutcome(name, "failed", seconds=seconds, message=f"{type(error).__name__}: {error}")
    return MethodOutcome(
        name,
        "ok",
        compressed=len(todo.layers) - sum(reasons.values()),
        reasons=reasons,
        weights=todo.after.weights,
        dense_weights=todo.before.weights,
        macs=todo.macs_after,
        dense_macs=todo.macs_before,
        seconds=time.perf_counter() - start,
    )


def _check(small: nn.Module, todo: Plan, example: Tensor, expected: Any) -> None:
    """Raise if the compressed model's outputs or counts are not as they should be."""
    with torch.no_grad():
        output = small(example)
    if _shapes(output) != expected:
        raise SweepError(f"the output has shape {_shapes(output)}, the dense model's {expected}")
    if not _finite(output):
        raise SweepError("the output is not finite")
    count_model(
        small,
        example,
        planned_weights=todo.after.weights,
        planned_macs=todo.macs_after,
        what="compressed",
        layers=todo.scope.layers,
    )


def _reasons(todo: Plan) -> dict[str, int]:
    """Return why layers are left alone, and how many for each reason; raise if one has none."""
    untouched = [layer for layer in todo.layers if layer.group is None]
    silent = [layer.path for layer in untouched if not layer.reason]
    if silent:
        raise SweepError(f"left alone without a reason: {', '.join(silent)}")
    return dict(Counter(layer.reason or "" for layer in untouched))


def _shapes(output: Any) -> Any:
    """Return the shapes in an output, which is a tensor or a sequence of outputs."""
    return tuple(output.shape) if isinstance(output, Tensor) else [_shapes(part) for part in output]


def _finite(output: Any) -> bool:
    return bool(output.isfinite().all()) if isinstance(output, Tensor) else all(map(_finite, output))
