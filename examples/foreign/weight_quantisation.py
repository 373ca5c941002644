"""Weight quantisation by torchao, as a method of the bench: 8 bits or fewer, one scale for each filter.

No decomposition: the weights keep their number, and each is stored in fewer bits. A table that has it shows what fewer
bits alone bring, before a decomposition is praised for its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchao.quantization.quant_primitives import (
    MappingType,
    choose_qparams_affine,
    dequantize_affine,
    quantize_affine,
)

from decompbench.methods.authoring import (
    ConvSpec,
    Cost,
    Knob,
    Method,
    SessionPart,
    Skip,
    VirtualWeightConv2d,
    copy_bias,
    register,
    require,
)


class QuantisedConv2d(VirtualWeightConv2d):
    """A convolution whose filters are whole numbers of ``bits`` bits times a scale of their own.

    Shapes: ``latent`` ``(n, c / groups, kh, kw)``, the weights while they train, in the network's precision; after
    `quantise` there are ``codes`` of that shape and ``scale`` ``(n,)`` instead.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    bits
        2 to 8.
    aware
        Whether the forward pass rounds while the latent weights train; gradients go past the rounding.
    """

    latent: Tensor
    codes: Tensor
    scale: Tensor

    def __init__(self, spec: ConvSpec, bits: int, aware: bool) -> None:
        super().__init__(spec)
        self.bits, self.aware = bits, aware
        self.levels = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.block = (1, spec.in_channels // spec.groups, *spec.kernel_size)
        self.latent = nn.Parameter(torch.zeros(spec.out_channels, *self.block[1:]))

    @property
    def quantised(self) -> bool:
        """Whether the latent weights have been rounded for good."""
        return "codes" in self._buffers

    def dense_weight(self) -> Tensor:
        if self.quantised:
            signed = (self.codes.short() + self.levels[0]).to(torch.int8)
            return self._values(signed, self.scale)
        if not self.aware:
            return self.latent
        rounded = self._values(*self._rounded(self.latent.detach()))
        return self.latent + (rounded - self.latent).detach()

    def quantise(self) -> None:
        """Round the latent weights for good: from here on they do not train."""
        if self.quantised:
            return
        signed, scale = self._rounded(self.latent.detach())
        del self.latent
        # codes from 0, since only those are stored in fewer than 8 bits
        self.register_buffer("codes", (signed.short() - self.levels[0]).to(torch.uint8))
        self.register_buffer("scale", scale)

    def _rounded(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        wide = weight.float()  # torchao rounds in single precision at most
        mapping = MappingType.SYMMETRIC
        scale, zero = choose_qparams_affine(wide, mapping, self.block, torch.int8, *self.levels)
        return quantize_affine(wide, self.block, scale, zero, torch.int8, *self.levels), scale.to(weight.dtype)

    def _values(self, signed: Tensor, scale: Tensor) -> Tensor:
        return dequantize_affine(signed, self.block, scale.float(), None, torch.int8, *self.levels).to(scale.dtype)

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        yield self.codes if self.quantised else self.latent, self.bits

    def extra_bits(self) -> int:
        precision = self.scale.element_size() if self.quantised else self.latent.element_size()
        return 8 * precision * self.spec.out_channels

    def quantised_weights(self) -> int:
        return self.spec.weights


class QuantisedPart(SessionPart):
    """Trains latent weights and rounds them for good at the end."""

    def finish(self) -> dict[str, nn.Module]:
        for layer in self.replacements.values():
            assert isinstance(layer, QuantisedConv2d)
            layer.quantise()
        return {}


@register("torchao-weights")
@dataclass(frozen=True)
class WeightQuantisation(Method):
    """Weights of ``bits`` bits, symmetric about zero, with one scale for each filter; activations stay as they are.

    It saves stored bits, and neither weights nor MACs: a budget for it is one on ``bits``.

    Parameters
    ----------
    bits
        2 to 8.
    aware
        Whether training sees the rounded weights (straight-through gradients), or rounds once at its end.
    """

    bits: int = 8
    aware: bool = True

    version: ClassVar[int] = 1
    paper: ClassVar[str] = "Or et al., TorchAO: PyTorch-Native Training-to-Serving Model Optimization, 2025"
    knob: ClassVar[Knob] = Knob.of("bits", tuple(range(2, 9)))

    def __post_init__(self) -> None:
        require(2 <= self.bits <= 8, f"torchao-weights: bits is from 2 to 8, got {self.bits}")

    def at_full(self) -> Skip:
        return Skip("8 bits are fewer than a weight has")

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if spec.fan_in == 1:
            return Skip("a filter of one weight is nothing but its scale")
        bits = self.bits * spec.weights + 32 * spec.out_channels
        return Cost(spec.weights, spec.cost.macs, bits, spec.weights)

    def _layer(self, spec: ConvSpec) -> QuantisedConv2d:
        return QuantisedConv2d(spec, self.bits, self.aware)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        layers = {spec.path: self._layer(spec) for spec in specs}
        for layer in layers.values():
            layer.quantise()
        return dict(layers)

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        return QuantisedPart(super().start(convs, groups, generator).replacements)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        layer = self._layer(spec)
        with torch.no_grad():
            layer.latent.copy_(conv.weight)
        copy_bias(conv, layer)
        return layer
