"""K-means by Lloyd's algorithm, on the rows of a matrix."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 1 << 22
"""Distances held at a time: 16 MB in float32."""


def assign(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index of each point's nearest centroid ``(N,)``, and the squared distance to it ``(N,)``."""
    norms = centroids.square().sum(1)
    indices, distances = [], []
    for chunk in points.split(max(1, CHUNK // len(centroids))):
        partial, index = torch.addmm(norms, chunk, centroids.mT, alpha=-2).min(1)
        indices.append(index)
        distances.append(partial + chunk.square().sum(1))
    return torch.cat(indices), torch.cat(distances).clamp(min=0)


def kmeans(points: Tensor, clusters: int, generator: torch.Generator, *, max_iter: int = 4500) -> tuple[Tensor, Tensor]:
    """Cluster ``points`` until no assignment changes.

    The initial centroids are distinct points drawn at random. A cluster that loses all its points takes the point
    farthest from its centroid.

    Parameters
    ----------
    points : Tensor ``(N, d)``
    clusters
        Number of centroids; more than there are distinct points leaves some unused.
    generator
        Source of the random choice.
    max_iter
        Most iterations.

    Returns
    -------
    centroids : Tensor ``(clusters, d)``
    index : Tensor ``(N,)``
        The centroid of each point.
    """
    # centroids beyond the distinct points cannot lower the error: they repeat points
    order = torch.randperm(len(points), generator=generator)
    shuffled = points[order.to(points.device)]
    distinct, inverse = torch.unique(shuffled, dim=0, return_inverse=True)
    first = torch.full((len(distinct),), len(points), device=points.device)
    first = first.scatter_reduce(0, inverse, torch.arange(len(points), device=points.device), "amin")
    chosen = shuffled[first.sort().values[:clusters]]
    centroids = chosen[torch.arange(clusters, device=points.device) % len(chosen)].clone()
    index = torch.full((len(points),), -1, device=points.device)
    for _ in range(max_iter):
        new, distances = assign(points, centroids)
        if torch.equal(new, index):
            break
        index = new
        sizes = torch.bincount(index, minlength=clusters)
        sums = torch.zeros_like(centroids).index_add_(0, index, points)
        centroids = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp(min=1), centroids)
        empty = (sizes == 0).nonzero()[:, 0]
        far = distances.topk(min(len(empty), len(points)))
        # a distance of zero has no better centroid to gain
        useful = far.values > 1e-12
        centroids[empty[: len(useful)][useful]] = points[far.indices[useful]]
    return centroids, index
