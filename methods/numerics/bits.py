"""Packed integers: numbers of a few bits each, stored without gaps."""

from __future__ import annotations

import torch
from torch import Tensor

NUMBERS_AT_A_TIME = 1 << 20
"""Numbers packed in one step, a multiple of 8."""


def pack(numbers: Tensor, bits: int) -> Tensor:
    """Pack non-negative integers below ``2^bits`` one behind the other, lowest bit first.

    Parameters
    ----------
    numbers : Tensor
        Of any shape and integer type.
    bits
        At most 31.

    Returns
    -------
    Tensor ``(ceil(numel · bits / 8),)``
        Bytes, ``uint8``.
    """
    places = torch.arange(bits, device=numbers.device)
    values = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], device=numbers.device)
    packed = []
    for part in numbers.flatten().split(NUMBERS_AT_A_TIME):
        digits = (part.int()[:, None] >> places & 1).flatten()
        digits = torch.cat([digits, digits.new_zeros(-len(digits) % 8)])
        packed.append((digits.view(-1, 8) * values).sum(1).to(torch.uint8))
    return torch.cat(packed)


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """Return the ``count`` numbers that `pack` stored, ``(count,)``, as ``int32``."""
    if bits == 0:  # all of them are 0
        return torch.zeros(count, dtype=torch.int32, device=packed.device)
    values = 2 ** torch.arange(bits, device=packed.device)
    numbers = []
    for part in packed.split(NUMBERS_AT_A_TIME // 8 * bits):
        digits = (part[:, None].int() >> torch.arange(8, device=packed.device) & 1).flatten()
        digits = digits[: len(digits) // bits * bits]
        numbers.append((digits.view(-1, bits) * values).sum(1))
    return torch.cat(numbers)[:count].int()
