"""The whitened SVD of a factored convolution's groups: the factors that lose least of each group's output."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...contract.layers import FactoredConv2d
from ...contract.spec import ConvSpec
from ...numerics.linear import input_blocks, whitened_svd
from .positions import draw_positions, patches_at


@torch.no_grad()
def refit_whitened(
    layer: FactoredConv2d,
    conv: nn.Conv2d,
    activations: Iterable[tuple[Tensor, Tensor]],
    positions: int,
    damping: float,
    generator: torch.Generator,
) -> None:
    """Set both factors to the whitened SVD of each group's block of ``conv``'s filter matrix, each on its own."""
    groups = layer.first.groups
    blocks = input_blocks(conv.weight, groups)
    size = blocks.shape[2]
    # only the column space matters, and a tall block's triangular factor describes it with fewer rows
    columns, rows = torch.linalg.qr(blocks) if blocks.shape[1] > size else (None, blocks)
    moments, means = output_moments(rows, layer.spec, activations, positions, damping, generator)
    degree = layer.first.out_channels // groups
    factors = [whitened_svd(*block, degree) for block in zip(rows, moments, strict=True)]
    mixing, filters = (torch.stack(factor) for factor in zip(*factors, strict=True))
    mixing = mixing if columns is None else columns @ mixing
    layer.set_factors(filters.flatten(0, 1), torch.cat(tuple(mixing), dim=1))
    if conv.bias is not None and layer.second.bias is not None:
        lost = (blocks - mixing @ filters) @ means.mT
        layer.second.bias.copy_(conv.bias + lost.sum((0, 2)))


def output_moments(
    rows: Tensor,
    spec: ConvSpec,
    activations: Iterable[tuple[Tensor, Tensor]],
    positions: int,
    damping: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return, for each group, the second moment of its filters' outputs and the mean of its inputs.

    Parameters
    ----------
    rows : Tensor ``(G, r, q)``
        Filters of each group, in double precision.
    spec
        The convolution. Where it has a bias, the moment is about the mean.
    activations, positions, generator
        Inputs and outputs, and how many positions of each are drawn from which generator.
    damping
        This fraction of the mean of the diagonal of the input's second moment is added to that diagonal.

    Returns
    -------
    moments : Tensor ``(G, r, r)``
    means : Tensor ``(G, 1, q)``
    """
    groups, _, size = rows.shape
    white = rows @ rows.mT
    moments, count = torch.zeros_like(white), 0
    means, power = rows.new_zeros(groups, 1, size), rows.new_zeros(groups, 1, 1)
    for inputs, targets in activations:
        chosen = draw_positions(targets, positions, generator)
        patches = patches_at(inputs, spec, chosen, targets.shape[3]).reshape(-1, groups, size).transpose(0, 1)
        outputs = patches @ rows.mT
        moments += outputs.mT @ outputs
        means += patches.sum(1, keepdim=True)
        power += patches.square().sum((1, 2), keepdim=True)
        count += patches.shape[1]
    moments, means, power = moments / count, means / count, power / (count * size)
    if spec.bias:
        mean_outputs = means @ rows.mT
        moments -= mean_outputs.mT @ mean_outputs
        power -= means.square().mean(2, keepdim=True)
    # for inputs that are all zero this is the plain SVD
    return moments + damping * torch.where(power > 0, power, 1.0) * white, means
