"""Learning filter basis (li2019): every filter is a combination of a few small basis filters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, sqrt
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from .cost import Cost, Skip
from .errors import require
from .layers import CompressedConv2d, copy_bias
from .method import Knob, Method, Part
from .numerics import nearest_divisor, ratio_rank, truncated_svd
from .registry import register
from .select import Select
from .spec import ConvSpec
from .support import refuse_grouped


class BasisConv2d(CompressedConv2d):
    """All ``s`` splits of the input through the same ``m`` basis filters, then one 1×1 convolution.

    Shapes: ``basis`` has a weight ``(m, p, kh, kw)`` with ``p = c / s`` and carries stride, padding and dilation;
    ``projection`` has ``(n, s·m, 1, 1)``, split-major, and the bias. Layers that share a basis hold the same parameter.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    split
        Input channels ``p`` of a basis filter, a divisor of ``c``.
    size
        Number ``m`` of basis filters.
    """

    def __init__(self, spec: ConvSpec, split: int, size: int) -> None:
        super().__init__(spec)
        self.splits = spec.in_channels // split
        self.basis = spec.spatial_conv(split, size)
        self.projection = nn.Conv2d(self.splits * size, spec.out_channels, 1, bias=spec.bias)

    def forward(self, x: Tensor) -> Tensor:
        # the splits go into the batch: one convolution, whatever their number
        y = self.basis(x.reshape(x.shape[0] * self.splits, -1, x.shape[2], x.shape[3]))
        return self.projection(y.reshape(x.shape[0], -1, y.shape[2], y.shape[3]))

    def dense_weight(self) -> Tensor:
        basis, spec = self.basis.weight, self.spec
        mixing = self.projection.weight.reshape(spec.out_channels, self.splits, -1)
        return (mixing @ basis.flatten(1)).reshape(spec.out_channels, spec.in_channels, *basis.shape[2:])

    def bias_tensor(self) -> Tensor | None:
        return self.projection.bias

    def forms(self) -> dict[str, nn.Module]:
        forms = super().forms()
        if self.splits > 1:
            forms["grouped"] = self._grouped()
        return forms

    def _grouped(self) -> nn.Module:
        """Return the same as one grouped convolution with the basis repeated for every split."""
        basis, spec = self.basis.weight, self.spec
        first = spec.spatial_conv(spec.in_channels, self.splits * basis.shape[0], groups=self.splits)
        first = first.to(basis.device, basis.dtype)
        with torch.no_grad():
            first.weight.copy_(basis.repeat(self.splits, 1, 1, 1))
        return nn.Sequential(first, self.projection)


@register("basis")
@dataclass(frozen=True)
class Basis(Method):
    """Filter basis: all ``n·s`` splits of all filters are combinations of ``m`` basis filters of ``p = c/s`` channels.

    Initialised by the truncated SVD of the matrix of all splits, ``(n·s) × (p·kh·kw)``: the Frobenius-optimal basis
    (li2019, eqs. 4 to 7).

    Parameters
    ----------
    rank
        Size of the basis as a fraction of ``min(n·s, p·kh·kw)``, over all layers that share it;
        used where ``size`` is None.
    size
        Number ``m`` of basis filters.
    split
        Channels ``p`` of a basis filter; None takes the divisor of ``c`` nearest to ``sqrt(n·c/(kh·kw))``, eq. 7.
    sharing
        Which layers hold one basis: ``"none"``, ``"block"`` (the convs of one module), ``"group"`` (the blocks of one
        stage), ``"network"``, or a regular expression whose match in a layer's path names its basis. Only layers of
        one kernel size share.
    gamma
        Strength ``γ`` of the joint objective's term ``γ Σ ‖W − BA‖²`` with the original weights ``W``, eq. 12.
    """

    rank: float = 0.5
    size: int | None = None
    split: int | None = None
    sharing: str = "none"
    gamma: float = 0.0

    paper: ClassVar[str] = "Li et al., Learning Filter Basis for Convolutional Neural Network Compression, ICCV 2019"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)

    def __post_init__(self) -> None:
        require(0 < self.rank <= 1, f"basis: rank is a fraction of the full basis in (0, 1], got {self.rank}")
        require(self.size is None or self.size >= 1, f"basis: size is at least 1 filter or None, got {self.size}")
        require(self.split is None or self.split >= 1, f"basis: split is at least 1 channel or None, got {self.split}")
        require(self.gamma >= 0, f"basis: gamma is not negative, got {self.gamma}")
        try:
            re.compile(self.sharing)
        except re.error as error:
            require(False, f"basis: sharing is none, block, group, network or a regular expression: {error}")

    def at_full(self) -> Self | Skip:
        full = super().at_full()
        return full if isinstance(full, Skip) else replace(full, size=None)

    def shape(self, specs: Sequence[ConvSpec]) -> tuple[int, int]:
        """Return ``(p, m)`` of the basis that ``specs`` share."""
        channels = gcd(*(spec.in_channels for spec in specs))
        wanted = self.split or sum(sqrt(s.out_channels * s.in_channels / s.kernel_area) for s in specs) / len(specs)
        split = nearest_divisor(channels, wanted)
        rows = sum(spec.out_channels * spec.in_channels // split for spec in specs)
        full = min(rows, split * specs[0].kernel_area)
        return split, self.size or ratio_rank(self.rank, full)

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        if self.split is not None and spec.in_channels % self.split:
            return Skip(f"split {self.split} does not divide the {spec.in_channels} input channels")
        (cost,), shared = self.group_costs([spec])
        return cost + shared

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        pattern = self.sharing not in ("none", "block", "group", "network")
        require(
            not pattern or not specs or any(re.search(self.sharing, spec.path) for spec in specs),
            f"basis: sharing {self.sharing!r} is none of none, block, group and network, "
            "and as a regular expression it matches no layer",
        )
        groups: dict[object, list[ConvSpec]] = {}
        for spec in specs:
            groups.setdefault((self._sharing_key(spec.path), spec.kernel_size), []).append(spec)
        return list(groups.values())

    def _sharing_key(self, path: str) -> str:
        parents = path.split(".")[:-1]
        if self.sharing == "none":
            return path
        if self.sharing == "block":
            return ".".join(parents)
        if self.sharing == "group":
            return ".".join(parents[:-1])
        if self.sharing == "network":
            return ""
        found = re.search(self.sharing, path)
        return found.group() if found else path

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost]:
        split, size = self.shape(specs)
        basis = size * split * specs[0].kernel_area
        costs = []
        for spec in specs:
            splits = spec.in_channels // split
            weights = spec.out_channels * splits * size
            costs.append(Cost.of(weights, (splits * basis + weights) * spec.output_positions))
        return costs, Cost.of(basis, 0)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return dict(self._layers(specs))

    def _layers(self, specs: Sequence[ConvSpec]) -> dict[str, BasisConv2d]:
        split, size = self.shape(specs)
        layers = {spec.path: BasisConv2d(spec, split, size) for spec in specs}
        first = layers[specs[0].path]
        for layer in layers.values():
            layer.basis.weight = first.basis.weight
        return layers

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        return self.compress_group({spec.path: conv}, [spec], generator)[spec.path]

    def compress_group(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        layers = self._layers(specs)
        split, size = self.shape(specs)
        columns = split * specs[0].kernel_area
        matrices = [convs[spec.path].weight.detach().reshape(-1, columns) for spec in specs]
        stacked = torch.cat(matrices)
        full = min(stacked.shape)
        mixing, basis = truncated_svd(stacked, min(size, full))
        rows = mixing.split([len(matrix) for matrix in matrices])
        with torch.no_grad():
            for spec, mix in zip(specs, rows, strict=True):
                layer = layers[spec.path]
                layer.basis.weight.zero_()[: len(basis)] = basis.reshape(-1, *layer.basis.weight.shape[1:])
                coefficients = layer.projection.weight.zero_().view(spec.out_channels, -1, size)
                coefficients[..., : len(basis)] = mix.reshape(spec.out_channels, -1, len(basis))
                copy_bias(convs[spec.path], layer.projection)
        return dict(layers)

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> Part:
        part = super().start(convs, groups, generator)
        return JointObjective(part.replacements, convs, self.gamma) if self.gamma else part


class JointObjective(Part):
    """The term ``γ Σ ‖W − BA‖²_F`` that keeps a basis near the trained weights (li2019, eq. 12).

    Parameters
    ----------
    replacements
        Layers that give their `CompressedConv2d.dense_weight`, by path.
    convs
        The original convolutions, whose weights are copied and kept while training only.
    gamma
        ``γ``.
    """

    def __init__(self, replacements: Mapping[str, nn.Module], convs: Mapping[str, nn.Conv2d], gamma: float) -> None:
        super().__init__(replacements)
        self.gamma = gamma
        self.originals = {path: convs[path].weight.detach().clone() for path in replacements}

    def penalty(self) -> Tensor:
        terms = []
        for path, layer in self.replacements.items():
            assert isinstance(layer, CompressedConv2d)
            terms.append((self.originals[path] - layer.dense_weight()).square().sum())
        return self.gamma * torch.stack(terms).sum()
