"""The layers of k-means kernel clustering: kernels are scaled centroids, or symmetric images of them."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, log2

import torch
from torch import Tensor, nn

from ...contract.layers import VirtualWeightConv2d, VirtualWeightConvTranspose2d
from ...contract.method import SessionPart
from ...contract.spec import ConvSpec
from ...numerics.quantisation import from_steps, to_steps
from ...numerics.symmetry import SYMMETRY_COUNT, Symmetry, symmetry_permutations

HALF_BITS = 16
"""Bits of a scale in 16-bit floating point; a scale of fewer bits is a multiple of a step."""


class ClusteredConv2d(VirtualWeightConv2d):
    """A convolution whose kernel ``[o, i]`` is ``scale[o, i]`` times an image of a centroid.

    Shapes: ``codebook`` ``(K, kh, kw)``, shared by the layers of a group; ``scale`` and ``index`` those of the weight
    without its kernels, ``(n, c / groups)``. An index is ``centroid · |S| + symmetry`` and is fixed; a centroid's
    gradient is the sum over its members.

    Scales train in the network's precision; `finish_scales` rounds them to the bits they are counted as.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    codebook
        The centroids.
    symmetry
        The set ``S`` of symmetries.
    scale_bits
        16 for floating-point, 2 to 8 for multiples of one ``step`` of the layer.
    """

    index: Tensor
    permutations: Tensor
    step: Tensor
    scale: Tensor

    def __init__(self, spec: ConvSpec, codebook: nn.Parameter, symmetry: Symmetry, scale_bits: int) -> None:
        super().__init__(spec)
        kernels = kernel_shape(spec)
        self.codebook = codebook
        self.symmetry: Symmetry = symmetry
        self.scale_bits = scale_bits
        self.quantised = False
        self.images = len(codebook) * SYMMETRY_COUNT[symmetry]
        self.scale = nn.Parameter(torch.zeros(kernels))
        self.register_buffer("index", torch.zeros(kernels, dtype=_index_dtype(self.images)))
        if symmetry != "i":
            table = symmetry_permutations(symmetry, spec.kernel_size[0])
            self.register_buffer("permutations", table, persistent=False)
        if scale_bits < HALF_BITS:
            self.register_buffer("step", torch.zeros(()))

    def dense_weight(self) -> Tensor:
        kernels = self.codebook
        if self.symmetry != "i":
            kernels = kernels.flatten(1)[:, self.permutations].reshape(self.images, *self.spec.kernel_size)
        return self._scales()[:, :, None, None] * kernels[self.index.long()]

    def _scales(self) -> Tensor:
        if self.quantised:
            return from_steps(self.scale, self.step, self.scale_bits).to(self.codebook.dtype)
        # a finished layer has 16-bit scales: they are stored in the bits they are counted as
        return self.scale.to(self.codebook.dtype)

    def finish_scales(self) -> None:
        """Store the scales in ``scale_bits``: from here on they do not train, if these are fewer than 16."""
        values = self.scale.detach()
        if self.scale_bits == HALF_BITS:
            self.scale = nn.Parameter(values.half(), requires_grad=self.scale.requires_grad)
            return
        codes, self.step = to_steps(values, self.scale_bits)
        del self.scale
        self.register_buffer("scale", codes)
        self.quantised = True

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        yield self.scale, self.scale_bits
        yield self.index, index_bits(self.images)
        yield self.codebook, 8 * self.codebook.element_size()

    def extra_bits(self) -> int:
        return 0 if self.scale_bits == HALF_BITS else 8 * self.step.element_size()

    def quantised_weights(self) -> int:
        return 0 if self.scale_bits == HALF_BITS else self.scale.numel()

    def shared_macs(self) -> int:
        """Return the multiplications per image if each image of a centroid met each input channel only once.

        ``H'W' · kh·kw · min(Σ_o #distinct indices over i, Σ_i #distinct indices over o)`` (son2018): either the
        inputs with the same index are added up before the convolution, or the outputs are made from its one result.
        """
        spec = self.spec
        by_group = self.index.long().view(spec.groups, -1, self.index.shape[1])
        rows, columns = _distinct(by_group), _distinct(by_group.mT)
        return spec.positions * spec.kernel_area * min(rows, columns)


class ClusteredConvTranspose2d(VirtualWeightConvTranspose2d, ClusteredConv2d):
    """A transposed convolution of such kernels: ``scale`` and ``index`` are ``(c, n / groups)``, kernels ``[i, o]``."""


class ClusteredPart(SessionPart):
    """Trains scales in the network's precision and rounds them to the bits they are counted as at the end."""

    def finish(self) -> dict[str, nn.Module]:
        for layer in self.replacements.values():
            assert isinstance(layer, ClusteredConv2d)
            layer.finish_scales()
        return {}


def clustered_layer(spec: ConvSpec, codebook: nn.Parameter, symmetry: Symmetry, scale_bits: int) -> ClusteredConv2d:
    """Return the layer that replaces ``spec``, its values zero."""
    layer = ClusteredConvTranspose2d if spec.type == "ConvTranspose2d" else ClusteredConv2d
    return layer(spec, codebook, symmetry, scale_bits)


def kernel_shape(spec: ConvSpec) -> tuple[int, int]:
    """Return the first two dimensions of a weight: ``(n, c / groups)``, of a transposed one ``(c, n / groups)``."""
    first, second = spec.out_channels, spec.in_channels
    if spec.type == "ConvTranspose2d":
        first, second = second, first
    return first, second // spec.groups


def index_bits(images: int) -> int:
    """Return the bits of one index into ``images`` kernels, a whole number."""
    return ceil(log2(images))


def _index_dtype(images: int) -> torch.dtype:
    return torch.uint8 if images <= 1 << 8 else torch.int16 if images <= 1 << 15 else torch.int32


def _distinct(index: Tensor) -> int:
    """Return the number of distinct entries of each row, added up, of ``(..., rows, entries)``."""
    ordered = index.sort(-1).values
    return int((ordered[..., 1:] != ordered[..., :-1]).sum()) + ordered[..., 0].numel()
