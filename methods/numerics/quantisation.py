"""Uniform quantisation of stored values: to even levels over their range, or to multiples of a step."""

from __future__ import annotations

import torch
from torch import Tensor


def to_levels(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Round values to the nearest of ``2^bits`` even levels between their minimum and maximum (yang2020).

    Parameters
    ----------
    values : Tensor
        Of any shape, floating-point.
    bits
        At most 8.

    Returns
    -------
    codes : Tensor
        Number of the level, ``uint8``, of the same shape.
    ends : Tensor ``(2,)``
        Minimum and maximum, in the values' precision.
    """
    ends = torch.stack([values.min(), values.max()])
    low, high = _wide(ends)
    # a range of zero has one level
    width = torch.where(high > low, high - low, 1)
    codes = ((_wide(values) - low) / width * (2**bits - 1)).round()
    return codes.to(torch.uint8), ends


def from_levels(codes: Tensor, ends: Tensor, bits: int) -> Tensor:
    """Return the values that `to_levels` stored, in the precision of ``ends``."""
    low, high = _wide(ends)
    return torch.lerp(low, high, codes.to(low.dtype) / (2**bits - 1)).to(ends.dtype)


def to_steps(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Round values to the nearest of ``2^bits − 1`` multiples of a step, as many below zero as above: zero stays zero.

    Parameters
    ----------
    values : Tensor
        Of any shape, floating-point.
    bits
        2 to 8.

    Returns
    -------
    codes : Tensor
        The multiple plus ``2^(bits−1) − 1``, ``uint8``, of the same shape.
    step : Tensor ``()``
        In the values' precision.
    """
    most = 2 ** (bits - 1) - 1
    step = values.abs().max() / most
    wide = torch.where(step > 0, _wide(step), 1)
    codes = (_wide(values) / wide).round().clamp(-most, most) + most
    return codes.to(torch.uint8), step


def from_steps(codes: Tensor, step: Tensor, bits: int) -> Tensor:
    """Return the values that `to_steps` stored, in the precision of ``step``."""
    wide = _wide(step)
    return ((codes.to(wide.dtype) - (2 ** (bits - 1) - 1)) * wide).to(step.dtype)


def _wide(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 at least, the precision that codes are computed in."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
