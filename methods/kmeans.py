"""K-means kernel clustering (son2018): every 2-D kernel is a scaled centroid of one small codebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from .clustering import kmeans
from .cost import Cost, Skip
from .errors import require
from .layers import VirtualWeightConv2d, copy_bias
from .method import Knob, Method, Part
from .registry import register
from .spec import ConvSpec
from .support import refuse_pointwise

SCALE_BITS = 16


class ClusteredConv2d(VirtualWeightConv2d):
    """A convolution whose kernel ``[o, i]`` is ``scale[o, i] · codebook[index[o, i]]``.

    Shapes: ``codebook`` ``(K, kh, kw)``, shared by the layers of a group; ``scale`` and ``index`` ``(n, c / groups)``.
    The index is fixed; a centroid's gradient is the sum over its members.
    """

    index: Tensor

    def __init__(self, spec: ConvSpec, codebook: nn.Parameter) -> None:
        super().__init__(spec)
        kernels = (spec.out_channels, spec.in_channels // spec.groups)
        self.codebook = codebook
        self.scale = nn.Parameter(torch.zeros(kernels))
        self.register_buffer("index", torch.zeros(kernels, dtype=_index_dtype(len(codebook))))

    def dense_weight(self) -> Tensor:
        # a finished layer has 16-bit scales; they are never stored in more than they are counted as
        return self.scale.to(self.codebook.dtype)[:, :, None, None] * self.codebook[self.index.long()]

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        yield self.scale, SCALE_BITS
        yield self.index, index_bits(len(self.codebook))
        yield self.codebook, 32


class ClusteredPart(Part):
    """Trains scales in the network's precision and rounds them to the 16 bits they are counted as at the end."""

    def finish(self) -> dict[str, nn.Module]:
        for layer in self.replacements.values():
            assert isinstance(layer, ClusteredConv2d)
            layer.scale = nn.Parameter(layer.scale.detach().half(), requires_grad=layer.scale.requires_grad)
        return {}


def _index_dtype(clusters: int) -> torch.dtype:
    return torch.uint8 if clusters <= 1 << 8 else torch.int16 if clusters <= 1 << 15 else torch.int32


def index_bits(clusters: int) -> int:
    """Return the bits of one index into ``clusters`` centroids, a whole number."""
    return ceil(log2(clusters))


@register("kmeans")
@dataclass(frozen=True)
class KMeans(Method):
    """K-means kernel clustering: 2-D kernels of unit norm share ``K`` centroids; each keeps its scale and an index.

    A kernel's scale is its norm with the sign of its centre element, so the normalised kernels have positive centres.
    Counted as the paper does: one scale and one index per kernel, each as one parameter, and the codebook.

    Parameters
    ----------
    clusters
        ``K``; never more than there are kernels.
    codebook
        ``"network"``: one for all layers of a kernel size; ``"layer"``: one each.
    max_iter
        Most iterations of Lloyd's algorithm.
    """

    clusters: int = 128
    codebook: Literal["network", "layer"] = "network"
    max_iter: int = 4500

    paper: ClassVar[str] = "Son, Nah, Lee, Clustering Convolutional Kernels to Compress Deep Neural Networks, ECCV 2018"
    knob: ClassVar[Knob] = Knob("clusters", 1, 1 << 20, integer=True)

    def __post_init__(self) -> None:
        require(self.clusters >= 1, f"kmeans: clusters is at least 1, got {self.clusters}")
        require(self.max_iter >= 1, f"kmeans: max_iter is at least 1, got {self.max_iter}")
        require(
            self.codebook in ("network", "layer"), f"kmeans: codebook is 'network' or 'layer', got {self.codebook!r}"
        )

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_pointwise(spec):
            return skip
        (cost,), shared = self.group_costs([spec])
        return cost + shared

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        groups: dict[object, list[ConvSpec]] = {}
        for spec in specs:
            key = spec.kernel_size if self.codebook == "network" else spec.path
            groups.setdefault(key, []).append(spec)
        return list(groups.values())

    def _size(self, specs: Sequence[ConvSpec]) -> int:
        return min(self.clusters, sum(_kernels(spec) for spec in specs))

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost]:
        size = self._size(specs)
        costs = [Cost(2 * _kernels(s), s.cost.macs, _kernels(s) * (SCALE_BITS + index_bits(size))) for s in specs]
        return costs, Cost.of(size * specs[0].kernel_area, 0)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        return dict(self._layers(specs))

    def _layers(self, specs: Sequence[ConvSpec]) -> dict[str, ClusteredConv2d]:
        codebook = nn.Parameter(torch.zeros(self._size(specs), *specs[0].kernel_size))
        return {spec.path: ClusteredConv2d(spec, codebook) for spec in specs}

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> Part:
        return ClusteredPart(super().start(convs, groups, generator).replacements)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        return self.compress_group({spec.path: conv}, [spec], generator)[spec.path]

    def compress_group(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        layers = self._layers(specs)
        kernels = [convs[spec.path].weight.detach().float().flatten(0, 1) for spec in specs]
        scales, units = normalised_kernels(torch.cat(kernels))
        nonzero = scales != 0
        if not nonzero.any():  # all weights are zero: any index will do
            return dict(layers)
        centroids, found = kmeans(units[nonzero], self._size(specs), generator, max_iter=self.max_iter)
        # a zero kernel points at no centroid in particular, with scale zero
        index = torch.zeros(len(scales), dtype=torch.long, device=found.device)
        index[nonzero] = found
        sizes = [len(k) for k in kernels]
        for spec, scale, ids in zip(specs, scales.split(sizes), index.split(sizes), strict=True):
            layer = layers[spec.path]
            with torch.no_grad():
                layer.codebook.copy_(centroids.reshape(layer.codebook.shape))
                layer.scale.copy_(scale.reshape(layer.scale.shape))
                layer.index.copy_(ids.reshape(layer.index.shape))
            copy_bias(convs[spec.path], layer)
        return dict(layers)


def normalised_kernels(kernels: Tensor) -> tuple[Tensor, Tensor]:
    """Split kernels into scales and unit vectors with positive centres.

    Parameters
    ----------
    kernels : Tensor ``(N, kh, kw)``

    Returns
    -------
    scales : Tensor ``(N,)``
        Norm, with the sign of the centre element; a centre of zero counts as positive.
    units : Tensor ``(N, kh·kw)``
        ``kernels / scales``; a zero kernel stays zero.
    """
    centres = kernels[:, kernels.shape[1] // 2, kernels.shape[2] // 2]
    flat = kernels.flatten(1)
    norms = flat.norm(dim=1)
    scales = torch.where(centres < 0, -norms, norms)
    return scales, flat / torch.where(scales == 0, torch.ones_like(scales), scales)[:, None]


def _kernels(spec: ConvSpec) -> int:
    return spec.out_channels * spec.in_channels // spec.groups
