"""Learning filter basis (li2019): every filter is a combination of a few small basis filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import gcd, sqrt
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import Between, CompressedConv2d, copy_bias
from ...contract.method import Kind, SessionPart
from ...contract.registry import register
from ...contract.settings.select import Select, refuse_grouped
from ...contract.settings.sharing import require_sharing, sharing_groups
from ...contract.spec import ConvSpec
from ...numerics.linear import nearest_divisor, ratio_rank, truncated_svd
from ..refit.data_aware import DataAware
from ..refit.last_link import LastLink
from .layers import BasisConv2d
from .sliced_basis import sliced_basis


@register("basis")
@dataclass(frozen=True)
class Basis(DataAware):
    """Filter basis: all ``n·s`` splits of all filters are combinations of ``m`` basis filters of ``p = c/s`` channels.

    Initialised by the truncated SVD of the matrix of all splits, ``(n·s) × (p·kh·kw)``: the Frobenius-optimal basis
    (li2019, eqs. 4 to 7).

    Parameters
    ----------
    rank
        Size of the basis as a fraction of ``min(n·s, p·kh·kw)``, over all layers that share it;
        used where ``size`` is None.
    size
        Number ``m`` of basis filters. Those beyond the full rank start at random, with coefficients of zero.
    split
        Channels ``p`` of a basis filter; layers it does not divide are left alone. None takes the divisor of ``c``
        nearest to ``sqrt(n·c/(kh·kw))``, eq. 7, with the sum of ``n·c`` over the layers that share the basis.
    sharing
        Which layers hold one basis: ``"none"``, ``"block"`` (the convs of one module), ``"group"`` (the blocks of one
        stage), ``"network"``, or a regular expression whose match in a layer's path names its basis. Only layers of
        one kernel size share.
    sliced
        One basis filter has as many channels as the widest layer that shares it, and each layer applies the leading
        slice of its own width: ``s = 1`` everywhere. ``split`` is then None. No closed form gives the optimum: the
        initialisation alternates between basis and coefficients (`sliced_basis`).
    between
        What lies between basis and projection, li2019's networks: ``"bn-relu"`` (VGG, DenseNet), ``"bn-prelu"``
        (SRResNet). The method is then architectural; the SVD is only where it starts from.
    projection_kernel
        1, or 3 for a 3×3 projection with padding 1 (DenseNet). That is architectural too: the composition of the two
        convolutions is larger than the original kernel. It starts with the coefficients at its centre, where
        without anything between it equals the 1×1.
    after
        What lies behind the projection, of the same choice; architectural as well. The authors' SRResNet has
        ``"bn-prelu"`` there in the second convolution of a block, too, where the network has none.
    gamma
        Strength ``γ`` of the joint objective's term ``γ Σ ‖W − BA‖²`` with the original weights ``W``, eq. 12. Not for
        architectural variants, which have no ``BA`` to compare.
    refit, samples, positions, damping
        Whether and how the coefficients are refitted to activations: see `DataAware`. ``"ridge"`` fits each layer's
        own coefficients, also where a basis is shared. There is no ``"whitened"``: the filters serve all splits, whose
        outputs are added, and no closed form is known for the basis that loses least of such sums.

    Notes
    -----
    The paper's networks: VGG-16 ``size=128, split=128, between="bn-relu"``; EDSR ``size=32, split=256,
    sharing="block"``; SRResNet ``size=14, split=64, between="bn-prelu"``, with ``after="bn-prelu"`` in the second
    convolution of a block; ResNet-56 ``sharing="network"`` with a size
    and a split for each width by overrides, the first conv of a stage having those of the stage before; DenseNet-12-40
    ``size=24, sharing="network", sliced=True, projection_kernel=3, between="bn-relu"``. Its compressed transitions,
    ``c→c`` through ``c/T`` and their input beside them, are `SVD` of ``rank=1/T, residual=True``, which a plan's
    overrides give these layers.
    """

    rank: float = 0.5
    size: int | None = None
    split: int | None = None
    sharing: str = "none"
    gamma: float = 0.0
    sliced: bool = False
    between: Between = "none"
    projection_kernel: Literal[1, 3] = 1
    after: Between = "none"
    refit: Literal["none", "ridge"] = field(default="none", kw_only=True)

    version: ClassVar[int] = 3
    paper: ClassVar[str] = "Li et al., Learning Filter Basis for Convolutional Neural Network Compression, ICCV 2019"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    @property
    def kind(self) -> Kind:
        linear = self.between == self.after == "none" and self.projection_kernel == 1
        return "weight-space" if linear else "architectural"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.rank <= 1, f"basis: rank is a fraction of the full basis in (0, 1], got {self.rank}")
        require(self.size is None or self.size >= 1, f"basis: size is at least 1 filter or None, got {self.size}")
        require(self.split is None or self.split >= 1, f"basis: split is at least 1 channel or None, got {self.split}")
        require(self.gamma >= 0, f"basis: gamma is not negative, got {self.gamma}")
        require(
            self.split is None or not self.sliced,
            f"basis: a sliced basis has one split a layer: split is None, got {self.split}",
        )
        require(
            not self.gamma or self.kind == "weight-space",
            f"basis: gamma compares dense weights, which a layer with between={self.between!r}, "
            f"after={self.after!r} and projection_kernel={self.projection_kernel} does not have: gamma is 0, "
            f"got {self.gamma}",
        )
        require(
            self.kind == "weight-space" or self.refit == "none",
            f"basis: with between={self.between!r}, after={self.after!r} and "
            f"projection_kernel={self.projection_kernel} there is no output to refit to; got refit={self.refit!r}",
        )
        require_sharing(self.sharing, "basis: sharing")

    def at_full(self) -> Self | Skip:
        full = super().at_full()
        return full if isinstance(full, Skip) else replace(full, size=None)

    def shape(self, specs: Sequence[ConvSpec]) -> tuple[int, int]:
        """Return ``(p, m)`` of the basis that ``specs`` share."""
        if self.sliced:
            split = max(spec.in_channels for spec in specs)
            rows = sum(spec.out_channels for spec in specs)
        else:
            channels = gcd(*(spec.in_channels for spec in specs))
            products = sum(spec.out_channels * spec.in_channels for spec in specs)
            split = nearest_divisor(channels, self.split or sqrt(products / specs[0].kernel_area))
            rows = products // split
        full = min(rows, split * specs[0].kernel_area)
        return split, self.size or ratio_rank(self.rank, full)

    def splits_of(self, spec: ConvSpec, split: int) -> int:
        """Return the number of splits ``s`` of one layer whose basis has ``split`` channels."""
        return 1 if self.sliced else spec.in_channels // split

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        if spec.is_linear and self.projection_kernel != 1:
            return Skip("a linear layer has no neighbouring positions for a 3×3 projection")
        if self.split is not None and spec.in_channels % self.split:
            return Skip(f"split {self.split} does not divide the {spec.in_channels} input channels")
        (cost,), shared = self.group_costs([spec])
        return cost + shared

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        return sharing_groups(specs, self.sharing, "basis: sharing")

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost]:
        split, size = self.shape(specs)
        area = specs[0].kernel_area
        costs = []
        for spec in specs:
            weights = spec.out_channels * self.splits_of(spec, split) * size * self.projection_kernel**2
            # s splits of p channels, or one slice of c: every input channel meets every basis filter once
            basis_macs = size * spec.in_channels * area
            costs.append(Cost.of(weights, (basis_macs + weights) * spec.output_positions))
        return costs, Cost.of(size * split * area, 0)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return dict(self._layers(specs))

    def _layers(self, specs: Sequence[ConvSpec]) -> dict[str, BasisConv2d]:
        split, size = self.shape(specs)
        layers = {
            spec.path: BasisConv2d(
                spec,
                spec.in_channels if self.sliced else split,
                size,
                width=split if self.sliced else None,
                between=self.between,
                projection_kernel=self.projection_kernel,
                after=self.after,
            )
            for spec in specs
        }
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
        mixings, basis = self._fit([convs[spec.path].weight.detach() for spec in specs], specs)
        stored = layers[specs[0].path].basis.weight
        with torch.no_grad():
            # where filter and coefficients are both zero, neither ever gets a gradient
            surplus = torch.randn(len(stored) - len(basis), basis.shape[1], generator=generator).to(basis)
            filters = torch.cat((basis, surplus * basis.square().mean().sqrt()))
            stored.copy_(filters.reshape(stored.shape))
        for spec, mixing in zip(specs, mixings, strict=True):
            layers[spec.path].set_mixing(mixing)
            copy_bias(convs[spec.path], layers[spec.path].projection)
        return dict(layers)

    def _fit(self, weights: Sequence[Tensor], specs: Sequence[ConvSpec]) -> tuple[list[Tensor], Tensor]:
        """Return each layer's coefficients ``(n·s, r)`` and the basis ``(r, p·kh·kw)``, ``r`` at most the full rank."""
        _, size = self.shape(specs)
        if self.sliced:
            matrices = [weight.flatten(1) for weight in weights]
            columns = max(matrix.shape[1] for matrix in matrices)
            return sliced_basis(matrices, min(size, columns, sum(map(len, matrices))))
        matrices = self._split_filters(weights, specs)
        stacked = torch.cat(matrices)
        mixing, basis = truncated_svd(stacked, min(size, *stacked.shape))
        return list(mixing.split([len(matrix) for matrix in matrices])), basis

    def _split_filters(self, weights: Sequence[Tensor], specs: Sequence[ConvSpec]) -> list[Tensor]:
        """Return the splits of each layer's filters as rows: ``(n·s, p·kh·kw)``."""
        split, _ = self.shape(specs)
        return [weight.reshape(-1, split * specs[0].kernel_area) for weight in weights]

    def last_link(self, layer: nn.Module) -> LastLink:
        assert isinstance(layer, BasisConv2d)
        return LastLink.of(layer.features, layer.projection)

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        if self.sliced:
            return []  # a slice of a truncated basis is no truncated slice
        return [torch.cat(self._split_filters([convs[spec.path].weight for spec in specs], specs))[None]]

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        split, size = self.shape(specs)
        rows = sum(spec.out_channels * spec.in_channels for spec in specs) // split
        return [min(size, rows, split * specs[0].kernel_area)]

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        part = super().start(convs, groups, generator)
        return JointObjective(part.replacements, convs, self.gamma) if self.gamma else part


class JointObjective(SessionPart):
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
            weight = layer.dense_weight()
            self.originals[path] = self.originals[path].to(weight.device)  # the model may have moved since
            terms.append((self.originals[path] - weight).square().sum())
        return self.gamma * torch.stack(terms).sum()
