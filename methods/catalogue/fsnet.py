"""FSNet (yang2020): the filters of a layer are overlapping blocks of one small tensor, the filter summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ..contract.cost import Cost, Knob, Skip
from ..contract.errors import require
from ..contract.layers import VirtualWeightConv2d, copy_bias
from ..contract.method import Method, SessionPart
from ..contract.registry import register
from ..contract.spec import ConvSpec
from ..numerics.linear import largest_divisor
from ..numerics.quantisation import from_levels, to_levels

STRIDE = 2
"""Elements of the summary for each of its ``K1`` and ``K2`` in the two spatial dimensions."""
DEPTH = {12: 2, 16: 4, 32: 2, 64: 4, 128: 4, 256: 4, 512: 8}
"""``K3``, the number of filters that share one spatial place, by number of filters (yang2020)."""


SPREADS = {1: (1, 1), 2: (2, 1), 4: (2, 2)}
"""Rows and columns between two spatial places at which further filters start, by how many they are together."""
Gradient = Literal["mean", "sum"]
"""What the gradient of a summary's element is, of those at the places it is used."""


class MeanGather(torch.autograd.Function):
    """``summary[index]``; the gradient of an element is the mean over the places it is used (yang2020, eq. 2)."""

    @staticmethod
    def forward(ctx: Any, summary: Tensor, index: Tensor, uses: Tensor) -> Tensor:
        ctx.save_for_backward(index, uses)
        return summary[index]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        index, uses = ctx.saved_tensors
        (grad,) = grad_outputs
        total = torch.zeros(len(uses), dtype=grad.dtype, device=grad.device)
        total.index_add_(0, index.flatten(), grad.flatten())
        return total / uses.to(grad.dtype), None, None


@torch.fx.wrap  # a symbolic trace keeps the call whole, and with it the gradient
def mean_gather(summary: Tensor, index: Tensor, uses: Tensor) -> Tensor:
    """Return ``summary[index]``, differentiated as `MeanGather` says."""
    weight = MeanGather.apply(summary, index, uses)
    assert isinstance(weight, Tensor)
    return weight


class SummaryConv2d(VirtualWeightConv2d):
    """A convolution whose filters are read out of a filter summary, or that is only quantised where it has none.

    Shapes: ``summary`` ``(F1, F2, C)``; ``index`` ``(n, c / groups, kh, kw)``, the element of the summary that each
    weight is; ``uses``, how often each element is read. The last two follow from the settings and are not stored.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    places
        Where its filters start.
    weight_bits
        8 for a summary that `quantise` will round to 256 levels between ``ends``; None for one that stays as it is.
    gradient
        Of an element: mean or sum over the places it is used.
    """

    index: Tensor
    uses: Tensor
    ends: Tensor
    summary: Tensor

    def __init__(
        self, spec: ConvSpec, places: Places | Whole, weight_bits: int | None = None, gradient: Gradient = "mean"
    ) -> None:
        super().__init__(spec)
        self.weight_bits = weight_bits
        self.gradient = gradient
        self.quantised = False
        shape = places.summary_shape(spec)
        self.summary = nn.Parameter(torch.zeros(shape))
        index = places.index(spec)
        self.register_buffer("index", index, persistent=False)
        # wrap-around may leave an element unread: its gradient is then zero and not 0/0
        uses = torch.bincount(index.flatten(), minlength=math.prod(shape)).clamp(min=1)
        self.register_buffer("uses", uses, persistent=False)
        if weight_bits is not None:
            self.register_buffer("ends", torch.zeros(2))

    def dense_weight(self) -> Tensor:
        if self.quantised and self.weight_bits is not None:
            return from_levels(self.summary, self.ends, self.weight_bits).flatten()[self.index]
        if self.gradient == "sum":
            return self.summary.flatten()[self.index]
        return mean_gather(self.summary.flatten(), self.index, self.uses)

    def quantise(self) -> None:
        """Round the summary to its levels, if it has any; from here on it does not train (FSNet-WQ)."""
        if self.weight_bits is not None and not self.quantised:
            codes, self.ends = to_levels(self.summary.detach(), self.weight_bits)
            del self.summary
            self.register_buffer("summary", codes)
            self.quantised = True

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        yield self.summary, self.weight_bits or 8 * self.summary.element_size()

    def extra_bits(self) -> int:
        return 0 if self.weight_bits is None else self.ends.numel() * 8 * self.ends.element_size()

    def quantised_weights(self) -> int:
        return 0 if self.weight_bits is None else self.summary.numel()


class SummaryPart(SessionPart):
    """Trains summaries in the network's precision and quantises them once at the end."""

    def finish(self) -> dict[str, nn.Module]:
        for layer in self.replacements.values():
            assert isinstance(layer, SummaryConv2d)
            layer.quantise()
        return {}


@dataclass(frozen=True)
class Places:
    """The starting places of a layer's filters in a summary of ``channels``.

    Attributes
    ----------
    k1, k2
        The summary has ``2·k1`` rows and ``2·k2`` columns, or ``k1`` and ``k2`` of a kernel of size 1.
    k3
        Filters that start at one spatial place.
    channels
        Of the summary.
    between
        Rows and columns at which filters start in each of the ``k1 · k2`` parts: there are
        ``k1 · k2 · k3`` filters for each of these ``between[0] · between[1]``.
    """

    k1: int
    k2: int
    k3: int
    channels: int
    between: tuple[int, int] = (1, 1)

    def summary_shape(self, spec: ConvSpec) -> tuple[int, int, int]:
        """Return ``(F1, F2, C)``; a kernel of size 1 needs no overlap."""
        kh, kw = spec.kernel_size
        return self.k1 * min(STRIDE, kh), self.k2 * min(STRIDE, kw), self.channels

    def index(self, spec: ConvSpec) -> Tensor:
        """Return, for each weight of ``(n, c / groups, kh, kw)``, the index of its element in the flattened summary."""
        c, (kh, kw) = spec.in_channels // spec.groups, spec.kernel_size
        rows, columns, channels = self.summary_shape(spec)
        row = (_starts(self.k1, rows, self.between[0])[:, None] + torch.arange(kh)) % rows
        column = (_starts(self.k2, columns, self.between[1])[:, None] + torch.arange(kw)) % columns
        # z = C / K3 need not be whole: filters then start at the nearest element below
        depth = (torch.arange(self.k3)[:, None] * channels // self.k3 + torch.arange(c)) % channels
        # dimensions: k1, k2, k3, c, kh, kw
        place = row[:, None, None, None, :, None] * columns + column[None, :, None, None, None, :]
        return (place * channels + depth[None, None, :, :, None, None]).reshape(-1, c, kh, kw)


def _starts(parts: int, size: int, between: int) -> Tensor:
    """Return where filters start along one dimension of ``size`` elements in so many parts."""
    return torch.arange(parts * between) * (size // parts) // between


@dataclass(frozen=True)
class Whole:
    """The weight itself as its own summary: of a layer that is quantised and not made smaller."""

    def summary_shape(self, spec: ConvSpec) -> tuple[int, int, int]:
        """Return ``(n, c / groups, kh · kw)``."""
        return spec.out_channels, spec.in_channels // spec.groups, spec.kernel_area

    def index(self, spec: ConvSpec) -> Tensor:
        """Return each weight's own index."""
        return torch.arange(spec.weights).reshape(-1, spec.in_channels // spec.groups, *spec.kernel_size)


@register("fsnet")
@dataclass(frozen=True)
class FSNet(Method):
    """Filter summary: the ``n = K1·K2·K3`` filters are overlapping blocks of one tensor, with wrap-around.

    Filter ``(k1, k2, k3)`` starts at ``(2·k1, 2·k2, z·k3)`` of the ``2·K1 × 2·K2 × c`` summary, ``z = c / K3``; a 1×1
    conv's filters start at even distances in a 1-D summary. Filters that start at one spatial place are never more than
    the channels: in a stem of three colours further ones start between the places, at the same size, so that no two
    filters are one and the same. Starting values are the means of the trained weights that fall on an element.

    Parameters
    ----------
    depth
        ``K3``: the ratio of a 3×3 conv is ``9·K3/4``. None takes the paper's value for the number of filters; a layer
        takes the largest divisor of its filters up to this, and up to four times its input channels.
    pointwise_ratio
        How much smaller the summary of a 1×1 conv is than its weight.
    init
        ``"trained"``: from the dense weights; ``"random"``: as the paper trains, from scratch.
    weight_bits
        8: after training each summary is put on 256 even levels between its minimum and its maximum (FSNet-WQ), and so
        is the weight of every convolution without a summary, such as a 7×7 stem; None: all stay. Batch-norm
        and linear layers are never quantised.
    gradient
        Of a summary's element: ``"mean"`` over the places it is used (yang2020, eq. 2), or their ``"sum"``, which is
        what an indexed tensor has and what public code trains with.

    Notes
    -----
    The paper trains for four cycles of the baseline's schedule (`training_cycles`).
    """

    depth: int | None = None
    pointwise_ratio: float = 8.0
    init: Literal["trained", "random"] = "trained"
    weight_bits: Literal[None, 8] = None
    gradient: Gradient = "mean"

    version: ClassVar[int] = 3
    paper: ClassVar[str] = (
        "Yang et al., FSNet: Compression of Deep Convolutional Neural Networks by Filter Summary, 2020"
    )
    knob: ClassVar[Knob] = Knob.of("depth", (64, 32, 16, 8, 4, 2, 1))
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "Linear")

    def __post_init__(self) -> None:
        require(self.depth is None or self.depth >= 1, f"fsnet: depth is at least 1 or None, got {self.depth}")
        require(self.pointwise_ratio >= 1, f"fsnet: pointwise_ratio is at least 1, got {self.pointwise_ratio}")

    @property
    def training_cycles(self) -> int:
        return 4

    def at_full(self) -> Skip:
        return Skip("a filter summary is smaller than the weight at every size: its filters overlap")

    def places(self, spec: ConvSpec) -> Places | Whole:
        """Return where the filters of one layer start."""
        n, c = spec.out_channels, spec.in_channels // spec.groups
        if not has_summary(spec):
            return Whole()
        if spec.kernel_area == 1:
            return Places(1, 1, n, max(1, round(n * c / self.pointwise_ratio)))
        depth = self.depth
        if depth is None:
            depth = DEPTH[min(DEPTH, key=lambda known: (abs(known - n), known))]
        # of fewer channels than K3 some filters at one spatial place would start at the same element
        candidates = [(k3 * spread, k3) for spread in SPREADS for k3 in range(1, min(c, depth) + 1)
                      if k3 * spread <= depth and n % (k3 * spread) == 0]  # fmt: skip
        share, k3 = max(candidates)
        k1 = largest_divisor(n // share, math.isqrt(n // share))
        return Places(k1, n // share // k1, k3, c, SPREADS[share // k3])

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if not has_summary(spec) and self.weight_bits is None:
            return Skip(f"filter summaries are for 1×1 and 3×3 kernels, not {spec.kernel_size}")
        weights = math.prod(self.places(spec).summary_shape(spec))
        if self.weight_bits is None:
            return Cost.of(weights, spec.cost.macs)
        ends = 2 * 32
        return Cost(weights, spec.cost.macs, self.weight_bits * weights + ends, weights)

    def _layer(self, spec: ConvSpec) -> SummaryConv2d:
        return SummaryConv2d(spec, self.places(spec), self.weight_bits, self.gradient)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        layers = {spec.path: self._layer(spec) for spec in specs}
        for layer in layers.values():
            layer.quantise()
        return dict(layers)

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        return SummaryPart(super().start(convs, groups, generator).replacements)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        weight = conv.weight.detach()
        layer.to(weight.device)
        with torch.no_grad():
            if self.init == "trained" or not has_summary(spec):
                summary = layer.summary.view(-1)
                summary.index_add_(0, layer.index.flatten(), weight.flatten().to(summary.dtype)).div_(layer.uses)
            else:
                values = torch.randn(layer.summary.shape, generator=generator) * (2 / spec.fan_in) ** 0.5
                layer.summary.copy_(values)
        copy_bias(conv, layer)
        return layer


def has_summary(spec: ConvSpec) -> bool:
    """Return whether a layer's filters can be read out of a summary: those of 1×1 and 3×3."""
    return spec.kernel_size in ((1, 1), (3, 3))
