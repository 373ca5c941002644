"""Layers that stand in for a convolution: the base class of all of them, and the forms that several methods share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import SettingError
from .spec import ConvSpec

GEOMETRY = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode",
)  # fmt: skip
"""Attributes that a convolution and its spec have in common."""
Between = Literal["none", "bn", "bn-relu", "bn-prelu"]
"""Names of what can lie between two factors. Anything but ``"none"`` makes a method architectural."""
BETWEEN_TYPES = (nn.BatchNorm2d, nn.PReLU)
"""Modules that can lie between two factors; their parameters do not stand for conv weights."""


class CompressedConv2d(nn.Module, ABC):
    """A layer that stands where a convolution was.

    A subclass stores its weights as it likes and says what it stores (`weight_tensors`). A *weight-space* layer also
    gives the dense weight it is equal to (`dense_weight`); an *architectural* one has none and sets ``linear`` False.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    """

    linear: bool = True

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__()
        self.spec = spec

    def __call__(self, input: Tensor) -> Tensor:
        """Apply the layer. As a convolution it may be called ``layer(input=x)``, whatever `forward` calls it."""
        return super().__call__(input)

    def __getattr__(self, name: str) -> Any:
        """Give the layer the attributes of a convolution that a network may read: its geometry, weight and bias.

        Reading ``weight`` computes `dense_weight`. EdgeNeXt, for one, reads its dtype and device.
        """
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "weight" and self.linear:
                return self.dense_weight()
            if name == "bias" and ((bias := self.bias_tensor()) is not None or not self.spec.bias):
                return bias
            if name in GEOMETRY:
                return getattr(self.spec, name)
            if name == "transposed":
                return "Transpose" in self.spec.type
            if name == "output_padding":
                return self.spec.output_padding or (0,) * len(self.spec.kernel_size)
            raise

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        """Yield each stored tensor that stands for the conv's weight, with the bits of one element.

        By default every parameter at the width of its dtype, except biases and what lies between the factors.
        """
        for module in self.modules():
            if not isinstance(module, BETWEEN_TYPES):
                for name, parameter in module.named_parameters(recurse=False):
                    if name != "bias":
                        yield parameter, 8 * parameter.element_size()

    def extra_bits(self) -> int:
        """Return the stored bits that no convention counts as weights, such as those of a permutation; by default 0."""
        return 0

    def quantised_weights(self) -> int:
        """Return how many of the weights are values stored at 8 bits or fewer; ``effective`` counts each as 1/4."""
        return 0

    def shared_macs(self) -> int | None:
        """Return the multiplications per image where equal ones are done once (son2018); None: none are equal."""
        return None

    def dense_weight(self) -> Tensor:
        """Return the weight ``(n, c / groups, kh, kw)`` of the convolution this layer is equal to.

        Raises
        ------
        TypeError
            If the layer is architectural: no convolution is equal to it.
        """
        raise TypeError(f"{type(self).__name__} is not linear in its input: it has no dense weight")

    def bias_tensor(self) -> Tensor | None:
        """Return the bias that goes with `dense_weight`: by default the layer's own ``bias``."""
        return self._parameters.get("bias", self._buffers.get("bias"))

    def dense(self) -> nn.Conv2d | nn.ConvTranspose2d:
        """Return the equal convolution, its weight computed once."""
        weight, bias = self.dense_weight().detach(), self.bias_tensor()
        conv = self.spec.whole_conv(bias=bias is not None).to(weight.device, weight.dtype)
        with torch.no_grad():
            conv.weight.copy_(weight)
            if conv.bias is not None and bias is not None:
                conv.bias.copy_(bias)
        return conv.train(self.training)

    def compact(self) -> nn.Module:
        """Return the inference form with the multiply-accumulates that the method promises: by default the layer."""
        return self

    def forms(self) -> dict[str, nn.Module]:
        """Return the algebraically equal inference forms by name; `deploy` takes the fastest."""
        forms: dict[str, nn.Module] = {"compact": self.compact()}
        if self.linear:
            forms["dense"] = self.dense()
        return forms

    def extra_repr(self) -> str:
        spec = self.spec
        return f"for {spec.in_channels}→{spec.out_channels}, kernel {spec.kernel_size}, stride {spec.stride}"


class FactoredConv2d(CompressedConv2d):
    """A spatial convolution into few channels, then a 1×1 convolution out of them: the form of an SVD.

    Shapes: ``first`` has a weight ``(m, c / G, kh, kw)`` and carries stride, padding and dilation; ``second`` has
    ``(n, m, 1, 1)`` and the bias.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    width
        Channels ``m`` between the two.
    groups
        Groups ``G`` of the first.
    between
        What lies between the two; anything but ``"none"`` makes the layer architectural.
    """

    def __init__(self, spec: ConvSpec, width: int, groups: int = 1, between: Between = "none") -> None:
        super().__init__(spec)
        self.linear = between == "none"
        self.first = spec.spatial_conv(spec.in_channels, width, groups=groups)
        self.between = make_between(between, width)
        self.second = nn.Conv2d(width, spec.out_channels, 1, bias=spec.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x)))

    def dense_weight(self) -> Tensor:
        if not self.linear:
            return super().dense_weight()
        first, second = self.first.weight, self.second.weight[:, :, 0, 0]
        groups = self.first.groups
        # group g of the first conv sees input channels g·c/G … and feeds columns g·m/G … of the second
        filters = first.reshape(groups, first.shape[0] // groups, -1)
        mixing = second.reshape(second.shape[0], groups, -1).transpose(0, 1)
        blocks = (mixing @ filters).reshape(groups, second.shape[0], *first.shape[1:])
        return torch.cat(tuple(blocks), dim=1)

    def bias_tensor(self) -> Tensor | None:
        return self.second.bias

    def set_factors(self, filters: Tensor, mixing: Tensor) -> None:
        """Copy weights in: ``filters`` of ``m`` rows, ``mixing`` ``(n, m)``."""
        with torch.no_grad():
            self.first.weight.copy_(filters.reshape(self.first.weight.shape))
            self.second.weight.copy_(mixing[:, :, None, None])


class VirtualWeightConv2d(CompressedConv2d):
    """A convolution whose weight is computed from the stored tensors, anew in each forward pass.

    In training the stored tensors change with every step; for inference `deploy` computes the weight once.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    """

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__(spec)
        self.bias = nn.Parameter(torch.zeros(spec.out_channels)) if spec.bias else None
        # F.pad wants the last dimension first, and both ends of each
        self._pad = [p for pair in reversed(padding_pairs(spec)) for p in pair]

    @abstractmethod
    def dense_weight(self) -> Tensor: ...

    def forward(self, x: Tensor) -> Tensor:
        spec = self.spec
        padding = spec.padding
        if spec.padding_mode != "zeros":
            x, padding = F.pad(x, self._pad, mode=spec.padding_mode), 0
        return F.conv2d(x, self.dense_weight(), self.bias, spec.stride, padding, spec.dilation, spec.groups)

    def compact(self) -> nn.Module:
        return self.dense()

    def forms(self) -> dict[str, nn.Module]:
        # one multiply-accumulate per weight either way: the materialised weight is the only form worth running
        return {"dense": self.dense()}


class VirtualWeightConvTranspose2d(VirtualWeightConv2d):
    """A transposed convolution whose weight ``(c, n / groups, kh, kw)`` is computed from the stored tensors."""

    def __call__(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Apply the layer, called as `torch.nn.ConvTranspose2d` is."""
        return nn.Module.__call__(self, input, output_size)

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        spec = self.spec
        padding, extra = tuple(map(int, spec.padding)), spec.output_padding
        if output_size is not None:
            smallest = spec.transposed_size(x.shape[2:])
            extra = tuple(wanted - size for wanted, size in zip(output_size[-2:], smallest, strict=True))
        return F.conv_transpose2d(
            x, self.dense_weight(), self.bias, spec.stride, padding, extra, spec.groups, spec.dilation
        )


def make_between(between: Between, channels: int) -> nn.Module:
    """Return the modules between two factors of ``channels`` channels.

    The activation is a new module and does not work in place.
    """
    if between == "none":
        return nn.Identity()
    norm = nn.BatchNorm2d(channels)
    if between == "bn":
        return norm
    return nn.Sequential(norm, nn.ReLU() if between == "bn-relu" else nn.PReLU())


def copy_bias(conv: nn.Module, last: nn.Module) -> None:
    """Copy the bias of a convolution, if it has one, to the layer that applies it from now on."""
    if conv.bias is not None:
        with torch.no_grad():
            last.bias.copy_(conv.bias)  # pyright: ignore[reportCallIssue, reportArgumentType]


def padding_pairs(spec: ConvSpec) -> list[tuple[int, int]]:
    """Return the padding before and after each spatial dimension; ``same`` puts the odd one after, as torch does."""
    if spec.padding == "valid":
        return [(0, 0)] * len(spec.kernel_size)
    if spec.padding == "same":
        totals = [d * (k - 1) for d, k in zip(spec.dilation, spec.kernel_size, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(int(p), int(p)) for p in spec.padding]


def squared_error(layer: nn.Module, conv: nn.Conv2d, spec: ConvSpec) -> float:
    """Return ``‖W − Ŵ‖²`` between a convolution's weight and the dense weight of its replacement, in double precision.

    Raises
    ------
    SettingError
        If the replacement has no dense weight.
    """
    if not isinstance(layer, CompressedConv2d) or not layer.linear:
        raise SettingError(f"{spec.path}: a {type(layer).__name__} is equal to no convolution: it has no weight error")
    with torch.no_grad():
        return float((conv.weight.double() - layer.dense_weight().to(conv.weight.device).double()).square().sum())
