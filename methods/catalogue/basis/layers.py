"""The layer of a filter basis, and its algebraically equal forms for inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...contract.layers import GEOMETRY, Between, CompressedConv2d, make_between
from ...contract.spec import ConvSpec

LOOPED_SPLITS = 8
"""Most splits for which `LoopedBasis` is a form: with more it was never the fastest."""


class SlicedConv2d(nn.Conv2d):
    """A convolution that applies the leading input channels of a weight as wide as the widest layer that shares it.

    Parameters
    ----------
    spec
        Geometry and input channels ``c``.
    out_channels
        Filters ``m``.
    width
        Input channels of the stored weight ``(m, width, kh, kw)``, at least ``c``.
    """

    def __init__(self, spec: ConvSpec, out_channels: int, width: int) -> None:
        geometry: dict[str, Any] = {name: getattr(spec, name) for name in GEOMETRY} | {"out_channels": out_channels}
        super().__init__(bias=False, **geometry)
        self.weight = nn.Parameter(torch.zeros(out_channels, width, *spec.kernel_size))

    def leading_weight(self) -> Tensor:
        """Return the part of the weight that is applied, ``(m, c, kh, kw)``."""
        return self.weight[:, : self.in_channels]

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.leading_weight(), None)


class BasisConv2d(CompressedConv2d):
    """All ``s`` splits of the input through the same ``m`` basis filters, then one convolution that mixes the results.

    Shapes: ``basis`` has a weight ``(m, p, kh, kw)`` with ``p = c / s`` and carries stride, padding and dilation;
    ``projection`` has ``(n, s·m, 1, 1)`` or ``(n, s·m, 3, 3)``, split-major, and the bias. Layers that share a basis
    hold the same parameter.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    split
        Input channels ``p`` of a basis filter, a divisor of ``c``.
    size
        Number ``m`` of basis filters.
    width
        Input channels of the stored basis, where the layer applies a leading slice of it; then ``p = c``.
    between
        What lies between basis and projection.
    projection_kernel
        Kernel of the projection, which keeps the spatial size.
    after
        What lies behind the projection.
    """

    def __init__(
        self,
        spec: ConvSpec,
        split: int,
        size: int,
        *,
        width: int | None = None,
        between: Between = "none",
        projection_kernel: int = 1,
        after: Between = "none",
    ) -> None:
        super().__init__(spec)
        self.splits = spec.in_channels // split
        self.basis = spec.spatial_conv(split, size) if width is None else SlicedConv2d(spec, size, width)
        self.between = make_between(between, self.splits * size)
        self.projection = nn.Conv2d(
            self.splits * size,
            spec.out_channels,
            projection_kernel,
            padding=projection_kernel // 2,
            bias=spec.bias,
        )
        self.after = make_between(after, spec.out_channels)
        self.linear = between == after == "none" and projection_kernel == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.projection(self.between(self.features(x)))
        # without a module in between, a batch-norm behind the layer is folded into the projection
        return y if isinstance(self.after, nn.Identity) else self.after(y)

    def features(self, x: Tensor) -> Tensor:
        """Return what every basis filter gives for every split, ``(b, s·m, h', w')``."""
        if self.splits == 1:
            return self.basis(x)
        # the splits go into the batch: one convolution, whatever their number
        y = self.basis(x.reshape(x.shape[0] * self.splits, -1, x.shape[2], x.shape[3]))
        return y.reshape(x.shape[0], -1, y.shape[2], y.shape[3])

    def basis_weight(self) -> Tensor:
        """Return the basis filters this layer applies, ``(m, p, kh, kw)``."""
        return self.basis.leading_weight() if isinstance(self.basis, SlicedConv2d) else self.basis.weight

    def dense_weight(self) -> Tensor:
        if not self.linear:
            raise TypeError(
                "a basis with a normalisation, an activation or a 3×3 projection after it is architectural: "
                "no convolution of the original's kernel is equal to it, it has no dense weight"
            )
        basis, spec = self.basis_weight(), self.spec
        mixing = self.projection.weight.reshape(spec.out_channels, self.splits, -1)
        return (mixing @ basis.flatten(1)).reshape(spec.out_channels, spec.in_channels, *basis.shape[2:])

    def bias_tensor(self) -> Tensor | None:
        return self.projection.bias

    def set_mixing(self, mixing: Tensor) -> None:
        """Copy coefficients ``(n·s, r)`` of the first ``r`` basis filters in, at the centre of the projection."""
        weight = self.projection.weight
        with torch.no_grad():
            centre = weight.zero_()[..., weight.shape[2] // 2, weight.shape[3] // 2]
            filled = centre.view(len(weight), self.splits, -1)[..., : mixing.shape[1]]
            filled.copy_(mixing.reshape(filled.shape))

    def forms(self) -> dict[str, nn.Module]:
        forms = super().forms()
        if self.splits > 1:
            forms["grouped"] = self._grouped()
        if 1 < self.splits <= LOOPED_SPLITS:
            forms["loop"] = LoopedBasis(self)
        if isinstance(self.basis, SlicedConv2d):
            forms["unshared"] = self._grouped()
        return forms

    def _grouped(self) -> nn.Module:
        """Return the same as one convolution of ``s`` groups, with the basis repeated for every split."""
        basis, spec = self.basis_weight(), self.spec
        first = spec.spatial_conv(spec.in_channels, self.splits * basis.shape[0], groups=self.splits)
        first = first.to(basis.device, basis.dtype)
        with torch.no_grad():
            first.weight.copy_(basis.repeat(self.splits, 1, 1, 1))
        return nn.Sequential(first, self.between, self.projection, self.after).train(self.training)


class LoopedBasis(nn.Module):
    """One convolution a split and their results side by side: the form of the published implementation.

    Parameters
    ----------
    layer
        The layer whose modules are used.
    """

    def __init__(self, layer: BasisConv2d) -> None:
        super().__init__()
        self.splits = layer.splits
        self.basis, self.between = layer.basis, layer.between
        self.projection, self.after = layer.projection, layer.after

    def forward(self, x: Tensor) -> Tensor:
        p = self.basis.in_channels
        y = [self.basis(x[:, split * p : (split + 1) * p]) for split in range(self.splits)]
        return self.after(self.projection(self.between(torch.cat(y, dim=1))))
