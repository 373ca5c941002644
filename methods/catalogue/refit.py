"""The refit of a factored convolution to activations: ridge regression of its 1×1, or whitened SVDs of its groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..contract.errors import require
from ..contract.layers import FactoredConv2d, padding_pairs
from ..contract.method import Method
from ..contract.spec import ConvSpec
from ..numerics.linear import input_blocks, ridge, whitened_svd

Refit = Literal["none", "ridge", "whitened", "whitened-ridge"]
"""Ways to refit; `DataAware` says what each is."""


@dataclass(frozen=True, kw_only=True)
class DataAware(Method):
    """A method whose layers are `FactoredConv2d`, and that can refit them to activations after the closed form.

    Layers are refitted from shallow to deep, on output positions drawn at random from each of the first ``samples``
    calibration inputs; sums are kept in double precision.

    Parameters
    ----------
    refit
        ``"none"`` looks at weights alone. ``"ridge"`` fits weight and bias of the 1×1 conv by least squares: from the
        spatial conv's output in the compressed network to the original network's output. ``"whitened"`` decomposes each
        group's block of the filter matrix such that the error of its *output* is least, given the second moment of the
        group's input in the compressed network (about the mean where the layer has a bias, which then takes up the
        mean's error). ``"whitened-ridge"`` is the one and then the other. All but ``"none"`` need calibration.
    samples
        How many inputs of the network are used, whatever the size of the batches.
    positions
        How many output positions of each input at most; drawn anew for every layer.
    damping
        ``λ``, relative to the mean square of the features: ``"ridge"`` adds ``λ ‖A − A₀‖²`` for the change of the 1×1's
        weight from its closed form ``A₀``, so that no ``λ`` makes the fit worse than the closed form;
        ``"whitened"`` adds ``λ`` to the diagonal of the second moment, and tends to the plain SVD as ``λ`` grows.
    """

    refit: Refit = "none"
    samples: int = 512
    positions: int = 16
    damping: float = 1e-3

    def __post_init__(self) -> None:
        require(self.samples >= 1, f"{self.name}: samples is at least 1 input, got {self.samples}")
        require(self.positions >= 1, f"{self.name}: positions is at least 1 of each input, got {self.positions}")
        require(self.damping > 0, f"{self.name}: damping is positive, got {self.damping}")

    @property
    def calibration_samples(self) -> int:
        return 0 if self.refit == "none" else self.samples

    def refit_layer(
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        spec: ConvSpec,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        assert isinstance(layer, FactoredConv2d)
        if self.refit.startswith("whitened"):
            refit_whitened(layer, conv, activations, self.positions, self.damping, generator)
        if self.refit.endswith("ridge"):
            refit_second(layer, activations, self.positions, self.damping, generator)


@torch.no_grad()
def refit_second(
    layer: FactoredConv2d,
    activations: Iterable[tuple[Tensor, Tensor]],
    positions: int,
    damping: float,
    generator: torch.Generator,
) -> None:
    """Fit weight and bias of the 1×1 conv by ridge regression of the targets on the spatial conv's output.

    The fit is of the change that takes up the residual, so that the damping draws towards the present values.
    """
    second = layer.second
    weight, bias = second.weight[:, :, 0, 0].double(), second.bias
    constant = int(bias is not None)
    size = second.in_channels + constant
    gram, cross = weight.new_zeros(size, size), weight.new_zeros(second.out_channels, size)
    for inputs, targets in activations:
        chosen = draw_positions(targets, positions, generator)
        features = at_positions(layer.first(inputs), chosen)
        residual = at_positions(targets, chosen) - features @ weight.mT
        if bias is not None:
            residual -= bias
            features = F.pad(features, (0, 1), value=1.0)
        gram += features.mT @ features
        cross += residual.mT @ features
    change = ridge(gram, cross, damping, free=constant)
    second.weight += change[:, : second.in_channels, None, None]
    if bias is not None:
        bias += change[:, -1]


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


def draw_positions(maps: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw ``count`` different positions of each map, or take all where there are no more.

    Parameters
    ----------
    maps : Tensor ``(b, n, h, w)``
    count
        How many, at most ``h·w`` of which are taken.
    generator
        On the CPU, so that the positions are the same on any device.

    Returns
    -------
    Tensor ``(b, min(count, h·w))``
        Row-major indices into ``h·w``, int64, on the maps' device.
    """
    batch, _, height, width = maps.shape
    shuffled = torch.rand(batch, height * width, generator=generator).argsort(dim=1)
    return shuffled[:, :count].to(maps.device)


def at_positions(maps: Tensor, chosen: Tensor) -> Tensor:
    """Return the channels of ``maps`` ``(b, n, h, w)`` at positions ``(b, p)``, as double ``(b·p, n)``."""
    index = chosen[:, None, :].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).transpose(1, 2).reshape(-1, maps.shape[1]).double()


def patches_at(inputs: Tensor, spec: ConvSpec, chosen: Tensor, width: int) -> Tensor:
    """Return the patches that a convolution sees at some of its output positions; no other patch is copied.

    Parameters
    ----------
    inputs : Tensor ``(b, c, h, w)``
    spec
        The convolution.
    chosen : Tensor ``(b, p)``
        Row-major indices of output positions.
    width
        Width ``w'`` of the output.

    Returns
    -------
    Tensor ``(b·p, c·kh·kw)``
        In double precision, in the order of a flattened filter.
    """
    pad = [side for pair in reversed(padding_pairs(spec)) for side in pair]
    windows = F.pad(inputs, pad, mode="constant" if spec.padding_mode == "zeros" else spec.padding_mode)
    for dim, (kernel, stride, dilation) in enumerate(zip(spec.kernel_size, spec.stride, spec.dilation, strict=True), 2):
        windows = windows.unfold(dim, dilation * (kernel - 1) + 1, stride)
    windows = windows[..., :: spec.dilation[0], :: spec.dilation[1]]  # (b, c, h', w', kh, kw)
    image = torch.arange(len(inputs), device=inputs.device)[:, None]
    patches = windows[image, :, chosen // width, chosen % width]  # (b, p, c, kh, kw)
    return patches.flatten(0, 1).flatten(1).double()
