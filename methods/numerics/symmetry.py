"""Symmetries of square kernels, as permutations of their elements."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Symmetry = Literal["i", "ih", "ihvo", "D4"]
"""Sets of symmetries (son2018): the identity; with the horizontal flip; with both flips and the turn by 180°; all eight
of the square, the transposed ones too."""

SYMMETRY_COUNT: dict[Symmetry, int] = {"i": 1, "ih": 2, "ihvo": 4, "D4": 8}
"""Number of symmetries in each set; the identity is always the first."""


def symmetry_permutations(symmetry: Symmetry, size: int) -> Tensor:
    """Return the symmetries of a kernel ``size × size`` as ``(|S|, size²)`` permutations.

    ``kernel.flatten()[permutation]`` is the flattened image of the kernel. The sets are groups: they hold the inverse
    of each of their elements.
    """
    grid = torch.arange(size * size).view(size, size)
    images = [grid, grid.flip(1), grid.flip(0), grid.flip(0, 1)]
    images += [image.mT for image in images]
    return torch.stack([image.flatten() for image in images[: SYMMETRY_COUNT[symmetry]]])
