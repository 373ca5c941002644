"""The spec of a convolution, or of a linear layer as a 1×1 convolution: all that cost and replacement depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import nn
from torch.nn.modules.conv import _ConvNd

from .cost import Cost

Layers = Literal["conv", "conv+linear"]
"""What a plan is about: convolutions, or linear layers, too."""
LINEAR = "Linear"
"""``ConvSpec.type`` of an exact `torch.nn.Linear`; that of any other linear layer goes on with ``: `` and which."""
ATTENTION = "torch.nn.MultiheadAttention"
"""Kind of linear layer whose weights are bare parameters of a module that calls no linear layer."""
ATTENTION_WEIGHTS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


@dataclass(frozen=True)
class ConvSpec:
    """One convolution: its place in the model, its geometry, and how often it is applied.

    Attributes
    ----------
    path
        Module path, such as ``layer1.0.conv1``; ``aliases`` are further paths of the very same module.
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode, bias
        As in `torch.nn.Conv2d`; ``bias`` tells whether there is one.
    output_padding
        As in `torch.nn.ConvTranspose2d`; empty for other convolutions.
    input_size, output_size
        Spatial size at the first call; empty if the example's forward never called the layer.
    input_positions, output_positions
        Spatial positions per image, summed over all calls.
    row_positions
        The same of a map with the output's rows and the input's columns: the one between a ``kh×1`` and a ``1×kw``
        convolution.
    position
        Rank of the first call in the forward pass, from 0; -1 if never called.
    type
        Class of the module. Only of an exact ``Conv2d``, ``ConvTranspose2d`` or ``Linear`` is it known what it
        computes. A linear layer is a 1×1 convolution of a map of one row, with a column for each token.
    shares_weight_with
        Path of an earlier convolution with the same weight tensor, where it is counted; empty if there is none.
    """

    path: str
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str
    bias: bool
    input_size: tuple[int, ...] = ()
    output_size: tuple[int, ...] = ()
    input_positions: int = 0
    output_positions: int = 0
    position: int = -1
    type: str = "Conv2d"
    aliases: tuple[str, ...] = ()
    shares_weight_with: str = ""
    row_positions: int = 0
    output_padding: tuple[int, ...] = ()

    @classmethod
    def of(cls, conv: _ConvNd | nn.Linear, path: str = "") -> ConvSpec:
        """Return the spec of a layer without an example: sizes and positions are unknown."""
        if isinstance(conv, nn.Linear):
            kind = "" if type(conv) is nn.Linear else f"{type(conv).__module__}.{type(conv).__qualname__}"
            return cls.of_linear(conv.in_features, conv.out_features, path, bias=conv.bias is not None, kind=kind)
        exact = type(conv) in (nn.Conv2d, nn.ConvTranspose2d)
        return cls(
            path,
            conv.in_channels,
            conv.out_channels,
            tuple(conv.kernel_size),
            tuple(conv.stride),
            conv.padding if isinstance(conv.padding, str) else tuple(conv.padding),
            tuple(conv.dilation),
            conv.groups,
            conv.padding_mode,
            conv.bias is not None,
            type=type(conv).__name__ if exact else f"{type(conv).__module__}.{type(conv).__qualname__}",
            output_padding=tuple(conv.output_padding) if conv.transposed else (),
        )

    @classmethod
    def of_linear(cls, c: int, n: int, path: str, *, bias: bool, kind: str = "") -> ConvSpec:
        """Return the spec of an ``(n, c)`` matrix; ``kind`` tells what holds it, where that is no exact `nn.Linear`."""
        one, none = (1, 1), (0, 0)
        return cls(path, c, n, one, one, none, one, 1, "zeros", bias, type=f"{LINEAR}: {kind}" if kind else LINEAR)

    @property
    def is_linear(self) -> bool:
        """Whether this is a linear layer and not a convolution."""
        return self.type == LINEAR or self.type.startswith(f"{LINEAR}: ")

    @property
    def kernel_area(self) -> int:
        """Elements of one 2-D kernel: ``kh * kw``."""
        area = 1
        for size in self.kernel_size:
            area *= size
        return area

    @property
    def fan_in(self) -> int:
        """Elements of one filter: ``c / groups * kh * kw``."""
        return self.in_channels // self.groups * self.kernel_area

    @property
    def weights(self) -> int:
        """Elements of the weight: ``n * c / groups * kh * kw``."""
        return self.out_channels * self.fan_in

    @property
    def positions(self) -> int:
        """Uses of each weight per image: one per output position, or per input position if transposed."""
        return self.input_positions if "Transpose" in self.type else self.output_positions

    @property
    def cost(self) -> Cost:
        """Cost of the convolution as it is."""
        return Cost.of(0 if self.shares_weight_with else self.weights, self.weights * self.positions)

    def spatial_conv(self, in_channels: int, out_channels: int, *, groups: int = 1, bias: bool = False) -> nn.Conv2d:
        """Return a new conv with the kernel, stride, padding and dilation of this one, but other channels."""
        geometry: dict[str, Any] = {
            name: getattr(self, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
        }
        return nn.Conv2d(in_channels, out_channels, groups=groups, bias=bias, **geometry)

    def whole_conv(self, *, bias: bool) -> nn.Conv2d | nn.ConvTranspose2d:
        """Return a new convolution of the same shape and type."""
        if self.type != "ConvTranspose2d":
            return self.spatial_conv(self.in_channels, self.out_channels, groups=self.groups, bias=bias)
        names = ("kernel_size", "stride", "padding", "output_padding", "groups", "dilation")
        geometry: dict[str, Any] = {name: getattr(self, name) for name in names}
        return nn.ConvTranspose2d(self.in_channels, self.out_channels, bias=bias, **geometry)

    def transposed_size(self, size: Sequence[int]) -> list[int]:
        """Return the output's spatial size for an input of ``size``, without output padding, if this is transposed."""
        return [
            (n - 1) * stride - 2 * int(padding) + dilation * (kernel - 1) + 1
            for n, stride, padding, dilation, kernel in zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain mapping."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ConvSpec:
        """Rebuild a spec from `to_json`, lists turned back into tuples."""
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**values)


def has_own_weight(conv: nn.Module) -> bool:
    """Return whether a layer's weight is a parameter of its own and not computed by a hook."""
    return isinstance(conv._parameters.get("weight"), nn.Parameter)


def attention_specs(model: nn.Module) -> list[ConvSpec]:
    """Return the specs of the projections that `torch.nn.MultiheadAttention` holds as bare parameters.

    No module is called for them: they have no positions, and their products are among the rest of a trace.
    """
    specs = []
    for path, module in model.named_modules():
        for name in ATTENTION_WEIGHTS if isinstance(module, nn.MultiheadAttention) else ():
            if (weight := getattr(module, name)) is not None:
                n, c = weight.shape
                bias = module.in_proj_bias is not None
                specs.append(ConvSpec.of_linear(c, n, f"{path}.{name}".lstrip("."), bias=bias, kind=ATTENTION))
    return specs
