"""Filter group approximation (peng2018): a grouped convolution, then 1×1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ..contract.cost import Cost, Knob, Skip
from ..contract.errors import require
from ..contract.layers import Between, FactoredConv2d, copy_bias
from ..contract.method import Kind
from ..contract.registry import register
from ..contract.settings.select import Select, refuse_grouped, refuse_pointwise
from ..contract.spec import ConvSpec
from ..numerics.linear import input_blocks, truncated_svd
from ..numerics.ranks import energy_rank
from ..numerics.spectrum import discarded_squares, squared_spectra
from .refit.data_aware import DataAware


@register("group")
@dataclass(frozen=True)
class Group(DataAware):
    """Filter group approximation: a grouped ``kh×kw`` conv ``c→m``, then a 1×1 conv ``m→n``.

    In closed form: the columns of the filter matrix that belong to one input group are an ``n × (c/G)·kh·kw`` block;
    each block's truncated SVD of rank ``d = m/G`` gives that group's filters. The blocks are independent, so this is
    the Frobenius optimum for the partition: the squared error is the sum of the discarded squared singular values.

    A budget moves ``group_size``; where ``groups`` or ``degree`` is given, it moves ``degree``.

    Parameters
    ----------
    group_size
        Input channels ``c/G`` in a group: a layer takes the fewest groups of at most this many channels that divide it.
        With ``width="out"`` there may be no such number, as it must divide ``n`` too: the layer then takes the most
        groups that divide both, and they have more channels than this.
    groups
        Number ``G`` of groups, instead of ``group_size``. A layer it does not divide is left alone.
    width
        ``m`` where neither ``degree`` nor ``energy`` decides: ``"in"`` is ``m = c``, ``"out"`` is ``m = n`` (``G`` then
        divides both).
    degree
        Rank ``d`` of each group, instead of ``m/G``. In any case no more than the block's full rank.
    energy
        Part of the weight's squared norm that each layer is to keep, in (0, 1]: when a plan is made, each layer gets
        the smallest ``degree`` at which its blocks together keep that much. A budget cannot move it.
    between
        What lies between the two convolutions (the VGG of li2019 has ``"bn-relu"``). Anything but ``"none"`` makes the
        method architectural: the factors of the closed form are then only where training starts.
    refit, samples, positions, damping
        Whether and how the factors are refitted to activations: see `DataAware`.
    """

    group_size: int = 4
    degree: int | None = None
    groups: int | None = None
    width: Literal["in", "out"] = "in"
    energy: float | None = None
    between: Between = "none"

    version: ClassVar[int] = 2
    paper: ClassVar[str] = "Peng et al., Extreme Network Compression via Filter Group Approximation, ECCV 2018"
    knob: ClassVar[Knob] = Knob("group_size", 1, 4096, integer=True)
    default_select: ClassVar[Select] = Select(skip_first=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("group_size", "groups", "degree"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"group: {name} is at least 1, got {value}")
        require(
            self.energy is None or 0 < self.energy <= 1,
            f"group: energy is a part of the squared norm in (0, 1] or None, got {self.energy}",
        )
        require(
            self.between == "none" or self.refit == "none",
            f"group: with {self.between} between the factors there is no output to refit to; got refit={self.refit!r}",
        )

    @property
    def kind(self) -> Kind:
        return "weight-space" if self.between == "none" else "architectural"

    def budget_knob(self) -> Knob:
        # at a given rank, larger groups cost less
        fixed = self.groups is not None or self.degree is not None
        return Knob("degree", 1, 4096, integer=True) if fixed else self.knob

    def group_count(self, spec: ConvSpec) -> int:
        """Return the number of groups ``G``; unless it is given, it divides the input channels."""
        if self.groups is not None:
            return self.groups
        divided = self._divided(spec)
        fewest = -(-spec.in_channels // self.group_size)
        # 16 and 24 channels have at most 8 groups: of 2 input channels each, even where 1 was asked for
        return next((g for g in range(fewest, divided) if divided % g == 0), divided)

    def at_full(self) -> Self | Skip:
        # ``m = c`` is less than the full rank wherever a layer has more filters than a group has channels
        full = super().at_full()
        return full if isinstance(full, Skip) else replace(full, degree=1 << 30)

    def shape(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the number of groups ``G`` and the rank ``d`` of each."""
        groups = self.group_count(spec)
        width = spec.in_channels if self.width == "in" else spec.out_channels
        return groups, min(self.degree or width // groups, spec.out_channels, spec.fan_in // groups)

    def _divided(self, spec: ConvSpec) -> int:
        """Return the number that ``G`` must divide: ``c``, or the common divisor of ``c`` and ``n`` if ``m = n``."""
        c, n = spec.in_channels, spec.out_channels
        return gcd(c, n) if self.width == "out" and self.degree is None and self.energy is None else c

    @property
    def reads_weights(self) -> bool:
        return self.energy is not None and self.degree is None

    def resolve(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, dict[str, Any]]:
        if self.energy is None or self.degree is not None:
            return {}
        able = [spec for spec in specs if isinstance(self.layer_cost(spec), Cost)]
        return {spec.path: {"degree": self._degree(convs[spec.path], spec, self.energy)} for spec in able}

    def _degree(self, conv: nn.Conv2d, spec: ConvSpec, energy: float) -> int:
        """Return the smallest rank at which the blocks together keep ``energy`` of their squared norm."""
        blocks = input_blocks(conv.weight.detach(), self.group_count(spec))
        return energy_rank(torch.linalg.svdvals(blocks).square(), energy)

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec) or refuse_pointwise(spec):
            return skip
        if self._divided(spec) % self.group_count(spec):
            both = "" if self.width == "in" else f" and {spec.out_channels} output"
            return Skip(f"{self.groups} groups do not divide {spec.in_channels} input{both} channels")
        groups, degree = self.shape(spec)
        weights = groups * degree * (spec.fan_in // groups + spec.out_channels)
        return Cost.of(weights, weights * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: self._layer(spec) for spec in specs}

    def _layer(self, spec: ConvSpec) -> FactoredConv2d:
        groups, degree = self.shape(spec)
        return FactoredConv2d(spec, groups * degree, groups, self.between)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        groups, degree = self.shape(spec)
        factors = [truncated_svd(block, degree) for block in input_blocks(conv.weight.detach(), groups)]
        layer.set_factors(
            torch.cat([filters for _, filters in factors]), torch.cat([mixing for mixing, _ in factors], dim=1)
        )
        copy_bias(conv, layer.second)
        return layer

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        if self.budget_knob().field == "group_size":
            return []  # the blocks themselves depend on it
        return [input_blocks(convs[spec.path].weight, self.group_count(spec)) for spec in specs]

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        return [self.shape(spec)[1] for spec in specs]

    def error_curve(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], values: Sequence[Any]
    ) -> list[float]:
        sizes = [self.sized(value) for value in values]
        lost: dict[tuple[str, int], Tensor] = {}
        for spec in specs:
            for groups in {size.group_count(spec) for size in sizes}:
                blocks = input_blocks(convs[spec.path].weight.detach(), groups)
                lost[spec.path, groups] = discarded_squares(squared_spectra(blocks))
        shapes = [[(spec.path, *size.shape(spec)) for spec in specs] for size in sizes]
        return [float(sum(lost[path, groups][degree] for path, groups, degree in shape)) for shape in shapes]
