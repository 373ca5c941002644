"""K-means kernel clustering (son2018): every 2-D kernel is a scaled centroid of one small codebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...contract.cost import Cost, Knob, Skip
from ...contract.errors import require
from ...contract.layers import copy_bias
from ...contract.method import Method, SessionPart
from ...contract.registry import register
from ...contract.settings.select import refuse_pointwise
from ...contract.settings.sharing import require_sharing, sharing_groups
from ...contract.spec import ConvSpec
from ...numerics.clustering import kmeans
from ...numerics.kmeans_init import KMeansInit
from ...numerics.symmetry import SYMMETRY_COUNT, Symmetry, symmetry_permutations
from .layers import HALF_BITS, ClusteredConv2d, ClusteredPart, clustered_layer, index_bits, kernel_shape


@register("kmeans")
@dataclass(frozen=True)
class KMeans(Method):
    """K-means kernel clustering: 2-D kernels of unit norm share ``K`` centroids; each keeps its scale and an index.

    A kernel's scale is its norm with the sign of its centre element (of an even kernel, the one right of and below
    the centre), so the normalised kernels have positive centres. Counted as the paper does: one scale and one index
    per kernel, each as one parameter, and the codebook. Transposed convolutions are clustered with the others.

    Parameters
    ----------
    clusters
        ``K``; never more than there are kernels.
    codebook
        Which layers share one: ``"network"``: all; ``"layer"``: none; ``"block"`` (the convs of one module),
        ``"group"`` (the blocks of one stage), or a regular expression whose match in a layer's path names its
        codebook. Only layers of one kernel size share.
    symmetry
        Symmetries under which a centroid stands for a kernel: ``"i"``: none; ``"ih"``: the horizontal flip, too;
        ``"ihvo"``: both flips and the turn by 180°; ``"D4"``: all eight of the square. Kernels that are not square have
        ``"i"``. An index then has ``log2(K·|S|)`` bits.
    scale_bits
        Bits of a scale in the end: 16 for half precision; 2 to 8 for multiples of one step a layer, to which the
        scales are rounded after training. They train in the network's precision.
    init
        First centroids: ``"random"``: distinct kernels; ``"k-means++"``: kernels far from each other.
    inits
        How often the clustering starts anew; the one of least error is kept.
    max_iter
        Most iterations of Lloyd's algorithm on each of the samples it goes through.
    tolerance
        It ends before that when no kernel changes its centroid, or when an iteration has lowered the sum of squared
        distances by no more than this fraction of it.

    Notes
    -----
    son2018 runs Lloyd's algorithm on all kernels until it has converged. Here it runs on random samples of growing size
    first, each started where the last ended, and at last on all kernels; and it ends at ``tolerance``. With
    ``tolerance=0`` it ends when no kernel changes its centroid.
    """

    clusters: int = 128
    codebook: str = "network"
    max_iter: int = 4500
    symmetry: Symmetry = "i"
    scale_bits: int = HALF_BITS
    init: KMeansInit = "random"
    inits: int = 1
    tolerance: float = 1e-5

    version: ClassVar[int] = 2
    paper: ClassVar[str] = "Son, Nah, Lee, Clustering Convolutional Kernels to Compress Deep Neural Networks, ECCV 2018"
    knob: ClassVar[Knob] = Knob("clusters", 1, 1 << 20, integer=True)
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d", "ConvTranspose2d")

    def __post_init__(self) -> None:
        require(self.clusters >= 1, f"kmeans: clusters is at least 1, got {self.clusters}")
        require(self.max_iter >= 1, f"kmeans: max_iter is at least 1, got {self.max_iter}")
        require(self.inits >= 1, f"kmeans: inits is at least 1, got {self.inits}")
        require(0 <= self.tolerance < 1, f"kmeans: tolerance is a fraction in [0, 1), got {self.tolerance}")
        require(
            self.scale_bits == HALF_BITS or 2 <= self.scale_bits <= 8,
            f"kmeans: scale_bits is 16, or 2 to 8, got {self.scale_bits}",
        )
        require_sharing(self.codebook, "kmeans: codebook", alone="layer")

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        if skip := refuse_pointwise(spec):
            return skip
        (cost,), shared = self.group_costs([spec])
        return cost + shared

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        return sharing_groups(specs, self.codebook, "kmeans: codebook", alone="layer")

    def _size(self, specs: Sequence[ConvSpec]) -> int:
        return min(self.clusters, sum(_kernels(spec) for spec in specs))

    def _symmetry(self, spec: ConvSpec) -> Symmetry:
        height, width = spec.kernel_size
        return self.symmetry if height == width else "i"

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost]:
        size, area = self._size(specs), specs[0].kernel_area
        index = index_bits(size * SYMMETRY_COUNT[self._symmetry(specs[0])])
        quantised = self.scale_bits < HALF_BITS
        costs = []
        for spec in specs:
            count = _kernels(spec)
            bits = count * (self.scale_bits + index) + 32 * quantised
            costs.append(Cost(2 * count, spec.cost.macs, bits, count * quantised))
        return costs, Cost.of(size * area, 0)

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        layers = self._layers(specs)
        for layer in layers.values():
            layer.finish_scales()
        return dict(layers)

    def _layers(self, specs: Sequence[ConvSpec]) -> dict[str, ClusteredConv2d]:
        codebook = nn.Parameter(torch.zeros(self._size(specs), *specs[0].kernel_size))
        symmetry = self._symmetry(specs[0])
        return {spec.path: clustered_layer(spec, codebook, symmetry, self.scale_bits) for spec in specs}

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        return ClusteredPart(super().start(convs, groups, generator).replacements)

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        return self.compress_group({spec.path: conv}, [spec], generator)[spec.path]

    def compress_group(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        layers = self._layers(specs)
        kernels = [convs[spec.path].weight.detach().float().flatten(0, 1) for spec in specs]
        scales, units = normalised_kernels(torch.cat(kernels))
        centroids, index = self._cluster(units, scales != 0, specs, generator)
        sizes = [len(k) for k in kernels]
        for spec, scale, ids in zip(specs, scales.split(sizes), index.split(sizes), strict=True):
            layer = layers[spec.path]
            with torch.no_grad():
                layer.codebook.copy_(centroids.reshape(layer.codebook.shape))
                layer.scale.copy_(scale.reshape(layer.scale.shape))
                layer.index.copy_(ids.reshape(layer.index.shape))
            copy_bias(convs[spec.path], layer)
        return dict(layers)

    def _cluster(
        self, units: Tensor, nonzero: Tensor, specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the centroids ``(K, kh·kw)`` of normalised kernels and their indices; a zero kernel's is 0."""
        size = self._size(specs)
        index = torch.zeros(len(units), dtype=torch.long, device=units.device)
        if not nonzero.any():  # any centroids will do
            return units.new_zeros(size, units.shape[1]), index
        symmetry = self._symmetry(specs[0])
        found = kmeans(
            units[nonzero],
            size,
            generator,
            init=self.init,
            inits=self.inits,
            max_iter=self.max_iter,
            tolerance=self.tolerance,
            symmetries=None if symmetry == "i" else symmetry_permutations(symmetry, specs[0].kernel_size[0]),
        )
        index[nonzero] = found.index
        return found.centroids, index


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
    first, second = kernel_shape(spec)
    return first * second
