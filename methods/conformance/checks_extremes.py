"""Checks of extreme weights, which no trained network has: all zero, or not numbers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..contract.layers import CompressedConv2d
from ..contract.method import Method
from ..contract.rewrite import adopt
from ..lifecycle.session import groups_by_method, planned_convs
from ..linear_layers.layers import standing_in
from .cases import ConvCase
from .compressing import compress_changed, ignores_weights
from .failure import ConformanceFailure, demand

PATIENCE = 60.0
"""Seconds after which a method is said to hang on weights that are not numbers."""


def check_zero_weights_stay_zero(method: Method, case: ConvCase) -> None:
    """A convolution of zeros is compressed to a layer of zeros, with nothing divided by zero on the way."""
    layer = compress_changed(method, case, nn.init.zeros_)
    output = layer(case.example())
    demand(
        bool(output.isfinite().all()),
        "weights of zero give an output that is not finite: guard divisions by norms and singular values",
    )
    if method.kind == "weight-space" and not ignores_weights(method, case):
        assert isinstance(layer, CompressedConv2d)
        largest = float(layer.dense_weight().detach().abs().max())
        demand(
            largest == 0,
            f"weights of zero become weights up to {largest:.2g}: zero is the best approximation of zero at every size",
        )


def check_weights_that_are_no_numbers_are_told(method: Method, case: ConvCase) -> None:
    """NaN or infinite weights raise an error or give outputs that are no numbers; they are never hidden.

    `begin` refuses such weights, but a training may end with them: so the method itself is asked.
    """
    for value in (math.nan, math.inf):
        try:
            layer = within(PATIENCE, lambda value=value: _damaged(method, case, value))
        except (ArithmeticError, RuntimeError, ValueError) as error:
            demand(bool(str(error).strip()), f"a weight that is {value} raises {type(error).__name__} without a word")
            continue
        demand(
            not layer(case.example()).isfinite().all() or ignores_weights(method, case),
            f"a weight that is {value} gives finite outputs: let it through to the output, or raise an error that "
            "names the layer",
        )


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return the result of ``work``; raise `ConformanceFailure` if it has not ended after so many seconds."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ConformanceFailure(f"compressing does not end within {seconds:g} s: bound the number of iterations")
    if errors:
        raise errors[0]
    return results[0]


def _damaged(method: Method, case: ConvCase, value: float) -> nn.Module:
    """Return the layer for a convolution in whose weight one element is ``value``."""
    model, made = case.model(), case.plan(method)
    weight = model.get_parameter("0.weight")
    with torch.no_grad():
        weight.view(-1)[weight.numel() // 2] = value
    convs = planned_convs(model, made)
    ((own, groups),) = groups_by_method(made).items()
    part = own.start(convs, groups, torch.Generator().manual_seed(0))
    new = adopt(({**part.replacements, **part.finish()})["0"], convs["0"])
    return standing_in(made.layers[0].spec, new).eval()
