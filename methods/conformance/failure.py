"""Failures: the errors of a check whose promise is broken or does not apply, and the tolerance on outputs."""

from __future__ import annotations

import torch
from torch import Tensor


class ConformanceFailure(AssertionError):
    """A promise that a method does not keep; the message tells its author what to do."""


class NotApplicable(Exception):
    """A promise says nothing about this method or this case; the message is the reason."""


def demand(condition: bool, message: str) -> None:
    """Raise `ConformanceFailure` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ConformanceFailure(message)


def tolerance(dtype: torch.dtype) -> float:
    """Return the relative difference up to which two ways of computing the same layer agree.

    In float32 and float64 the difference comes from the order of the sums inside the convolutions, a few hundred terms
    each: 1e-5 in float32, which is 84 units of rounding, and as many units in float64. Half precision is summed in
    float32; the rounding of weights and of results between the factors is left, one unit each: 8 units.
    """
    eps = torch.finfo(dtype).eps
    return 8 * eps if eps > 1e-4 else 1e-5 * eps / torch.finfo(torch.float32).eps


def relative_difference(actual: Tensor, expected: Tensor) -> float:
    """Return ``‖actual − expected‖ / ‖expected‖``, NaN where either is not finite; zero if both are zero."""
    actual, expected = actual.detach().double(), expected.detach().double()
    difference = (actual - expected).norm()
    return float(difference / expected.norm()) if difference != 0 else 0.0


def demand_same(actual: Tensor, expected: Tensor, message: str) -> None:
    """Raise `ConformanceFailure` unless two tensors agree up to the rounding of ``expected``'s dtype."""
    if actual.shape != expected.shape:
        raise ConformanceFailure(f"{message} (the shape is {tuple(actual.shape)}, not {tuple(expected.shape)})")
    difference, allowed = relative_difference(actual, expected), tolerance(expected.dtype)
    demand(difference <= allowed, f"{message} (relative difference {difference:.2g}, allowed {allowed:.2g})")
