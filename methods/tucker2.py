"""Tucker-2 decomposition with the adaptive rank penalty (yu2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from .cost import Cost, Skip
from .errors import require
from .layers import CompressedConv2d, copy_bias
from .method import Knob, Method, Part
from .numerics import left_singular_vectors, ratio_rank
from .rank_penalty import RankPenalty
from .registry import register
from .select import Select
from .spec import ConvSpec
from .support import refuse_grouped


class Tucker2Conv2d(CompressedConv2d):
    """1×1 conv ``c→r_in``, spatial core ``r_in→r_out``, 1×1 conv ``r_out→n``.

    Shapes: ``first`` ``(r_in, c, 1, 1)``, ``core`` ``(r_out, r_in, kh, kw)`` with stride, padding and dilation,
    ``last`` ``(n, r_out, 1, 1)`` with the bias. A pointwise map commutes with every padding mode.
    """

    def __init__(self, spec: ConvSpec, rank_in: int, rank_out: int) -> None:
        super().__init__(spec)
        self.first = nn.Conv2d(spec.in_channels, rank_in, 1, bias=False)
        self.core = spec.spatial_conv(rank_in, rank_out)
        self.last = nn.Conv2d(rank_out, spec.out_channels, 1, bias=spec.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.core(self.first(x)))

    def dense_weight(self) -> Tensor:
        first, last = self.first.weight[:, :, 0, 0], self.last.weight[:, :, 0, 0]
        return torch.einsum("no,oihw,ic->nchw", last, self.core.weight, first)

    def bias_tensor(self) -> Tensor | None:
        return self.last.bias


@register("tucker2")
@dataclass(frozen=True)
class Tucker2(Method):
    """Tucker-2: ``W ≈ K ×₁ Z ×₂ A`` as 1×1, core and 1×1 convs; optionally learnt low-rank before it is decomposed.

    ``Z`` and ``A`` are the leading left singular vectors of the unfoldings along output and input channels, ``K`` the
    projection of ``W`` onto them (yu2021, eqs. 2 to 4).

    Parameters
    ----------
    rank
        Ratio ``p``: ``r_out = p·min(n, c·kh·kw)`` and ``r_in = p·min(c, n·kh·kw)``, in (0, 1].
    learn
        None decomposes at once. ``"arp"`` trains the dense layers under the adaptive rank penalty and decomposes them
        when training has ended, with nothing trained afterwards.
    eta
        Growth ``η`` of the penalty's strength per step and unit of violation (yu2021, eq. 8).
    max_strength
        Cap ``M`` of the strength.
    refresh
        Steps between two exact computations of the subspaces the penalty pulls towards.
    """

    rank: float = 0.5
    learn: Literal["arp"] | None = None
    eta: float = 1e-6
    max_strength: float = 0.1
    refresh: int = 5

    paper: ClassVar[str] = "Yu et al., Learning-based Tensor Decomposition with Adaptive Rank Penalty, ICPR 2020"
    knob: ClassVar[Knob] = Knob("rank", 1e-6, 1.0)
    default_select: ClassVar[Select] = Select(skip_first=1)

    def __post_init__(self) -> None:
        require(0 < self.rank <= 1, f"tucker2: rank is a ratio in (0, 1], got {self.rank}")
        require(self.learn in (None, "arp"), f"tucker2: learn is None or 'arp', got {self.learn!r}")
        require(self.eta > 0, f"tucker2: eta is positive, got {self.eta}")
        require(self.max_strength > 0, f"tucker2: max_strength is positive, got {self.max_strength}")
        require(self.refresh >= 1, f"tucker2: refresh is at least 1 step, got {self.refresh}")

    def ranks(self, spec: ConvSpec) -> tuple[int, int]:
        """Return ``(r_in, r_out)`` of one layer."""
        c, n, k2 = spec.in_channels, spec.out_channels, spec.kernel_area
        return ratio_rank(self.rank, min(c, n * k2)), ratio_rank(self.rank, min(n, c * k2))

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_grouped(spec):
            return skip
        rank_in, rank_out = self.ranks(spec)
        first, rest = rank_in * spec.in_channels, rank_out * (rank_in * spec.kernel_area + spec.out_channels)
        # the first 1×1 runs before the stride, at the input's size
        return Cost.of(first + rest, first * spec.input_positions + rest * spec.output_positions)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return {spec.path: Tucker2Conv2d(spec, *self.ranks(spec)) for spec in specs}

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        rank_in, rank_out = self.ranks(spec)
        layer = Tucker2Conv2d(spec, rank_in, rank_out)
        weight = conv.weight.detach().double()
        last = left_singular_vectors(weight.flatten(1), rank_out)
        first = left_singular_vectors(weight.transpose(0, 1).flatten(1), rank_in)
        with torch.no_grad():
            layer.last.weight.copy_(last[:, :, None, None])
            layer.first.weight.copy_(first.mT[:, :, None, None])
            layer.core.weight.copy_(torch.einsum("nchw,no,ci->oihw", weight, last, first))
        copy_bias(conv, layer.last)
        return layer

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> Part:
        if self.learn is None:
            return super().start(convs, groups, generator)
        specs = [spec for group in groups for spec in group]
        return LearnedTucker2(self, convs, specs, generator)


class LearnedTucker2(Part):
    """Dense layers trained under the adaptive rank penalty, decomposed when training has ended.

    Parameters
    ----------
    method
        The ranks and the penalty's settings.
    convs, specs
        The layers, which stay in the model while it trains.
    generator
        For the decomposition.
    """

    decomposes_at = "finish"

    def __init__(
        self, method: Tucker2, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.method, self.convs, self.specs, self.generator = method, convs, specs, generator
        self.rank_penalty = RankPenalty(
            [convs[spec.path].weight for spec in specs],
            [method.ranks(spec) for spec in specs],
            eta=method.eta,
            max_strength=method.max_strength,
            refresh=method.refresh,
        )

    def penalty(self) -> Tensor:
        return self.rank_penalty.penalty()

    def after_step(self) -> None:
        self.rank_penalty.after_step()

    def finish(self) -> dict[str, nn.Module]:
        layers = self.method.compress_layer
        return {spec.path: layers(self.convs[spec.path], spec, self.generator) for spec in self.specs}
