"""K-means by Lloyd's algorithm on the rows of a matrix, started on samples of growing size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor

from .kmeans_init import KMeansInit, starting_centroids

SCORES_AT_A_TIME = 1 << 18
"""Scores that a thread holds at a time: 1 MB in float32, which stays in a core's cache."""
POINTS_AT_A_TIME = 1 << 14
"""Points that a thread takes at a time. Sums are taken over these parts whatever the number of threads, so that
results do not depend on it."""
FIRST_SAMPLE = 1 << 14
"""Fewest points of a sample."""
SAMPLE_PER_CENTROID = 64
"""Points of the first sample for each centroid, if that makes more than `FIRST_SAMPLE`."""
GROWTH = 4
"""Factor of the sample's size from one sample to the next."""

Run = Callable[..., Iterable[Any]]
"""The signature of `map`."""


@dataclass(frozen=True)
class Clustering:
    """Centroids ``(K, d)``, index ``(N,)`` and inertia, the sum of squared distances."""

    centroids: Tensor
    index: Tensor
    inertia: float


def assign(points: Tensor, centroids: Tensor, run: Run = map) -> tuple[Tensor, Tensor]:
    """Return the index of each point's nearest centroid ``(N,)``, and the squared distance to it ``(N,)``."""
    bias = -0.5 * centroids.square().sum(1)
    parts = run(lambda part: _assign_part(part, centroids, bias), points.split(POINTS_AT_A_TIME))
    indices, distances = zip(*parts, strict=True)
    return torch.cat(indices), torch.cat(distances).clamp(min=0)


def _assign_part(points: Tensor, centroids: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    numbers = torch.arange(len(centroids), device=points.device, dtype=points.dtype)
    rows = max(1, SCORES_AT_A_TIME // len(centroids))
    scores = points.new_empty(min(rows, len(points)), len(centroids))
    index = torch.empty(len(points), dtype=torch.long, device=points.device)
    distances = points.square().sum(1)
    for start in range(0, len(points), rows):
        chunk = slice(start, start + rows)
        # ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2)
        part = points[chunk]
        score = torch.addmm(bias, part, centroids.mT, out=scores[: len(part)])
        best = score.amax(1)
        distances[chunk] -= 2 * best
        # the maximum, and then its place by a product, take half the time of one search for both
        hits = score.eq_(best[:, None])
        found = torch.mv(hits, numbers).long().clamp(max=len(centroids) - 1)
        tied = (hits.gather(1, found[:, None])[:, 0] != 1).nonzero()[:, 0]
        found[tied] = hits[tied].argmax(1)
        index[chunk] = found
    return index, distances


def kmeans(
    points: Tensor,
    clusters: int,
    generator: torch.Generator,
    *,
    init: KMeansInit = "random",
    inits: int = 1,
    max_iter: int = 4500,
    tolerance: float = 1e-5,
    symmetries: Tensor | None = None,
) -> Clustering:
    """Cluster ``points``.

    Lloyd's algorithm runs to convergence on a random sample, then from there on a larger one, and at last on all
    points. It has converged when no assignment changes, or when an iteration has lowered the inertia by no more than
    ``tolerance`` of it. A cluster that loses all its points takes the point farthest from its centroid.

    Parameters
    ----------
    points : Tensor ``(N, d)``
    clusters
        Number of centroids ``K``; more than there are distinct points leaves some unused.
    generator
        Source of the random choices.
    init
        How the first centroids are chosen: see `starting_centroids`.
    inits
        Number of starts; the clustering of least inertia is returned.
    max_iter
        Most iterations on one sample.
    tolerance
        Relative.
    symmetries : Tensor ``(|S|, d)``
        A group of permutations of the columns, the identity first. A centroid stands for the points near any of its
        images under them.

    Returns
    -------
    Clustering
        The index of a point is ``centroid · |S| + symmetry``: the point is near ``centroids[centroid, symmetry's
        permutation]``.
    """
    if symmetries is None:
        symmetries = torch.arange(points.shape[1])[None]
    with _threads(points.device) as run:
        options = ClusteringOptions(init, max_iter, tolerance, symmetries.to(points.device), run)
        found = (_grow(points, clusters, generator, options) for _ in range(inits))
        return min(found, key=lambda clustering: clustering.inertia)


@dataclass(frozen=True)
class ClusteringOptions:
    """The options that all stages of a clustering have in common; see `kmeans`."""

    init: KMeansInit
    max_iter: int
    tolerance: float
    symmetries: Tensor
    run: Run


@contextmanager
def _threads(device: torch.device) -> Iterator[Run]:
    """Yield a `map` that gives each of torch's threads whole parts of the points instead of shares of an operation.

    With shares the threads wait for each other after every operation, which takes longer than the operation itself,
    all the more on cores that other processes use.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield map
        return
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)


def _grow(points: Tensor, clusters: int, generator: torch.Generator, options: ClusteringOptions) -> Clustering:
    """Cluster samples of growing size, each from the centroids of the last, and in the end all points."""
    order = torch.randperm(len(points), generator=generator).to(points.device)
    size = max(FIRST_SAMPLE, SAMPLE_PER_CENTROID * clusters)
    centroids = starting_centroids(points, order, size, clusters, options.init, options.symmetries, generator)
    while size < len(points):
        centroids = _lloyd(points[order[:size]], centroids, options).centroids
        size *= GROWTH
    return _lloyd(points, centroids, options)


def _lloyd(points: Tensor, centroids: Tensor, options: ClusteringOptions) -> Clustering:
    """Improve ``centroids`` until convergence."""
    symmetries = options.symmetries
    index = torch.full((len(points),), -1, device=points.device)
    previous, revived = inf, False
    for iteration in range(options.max_iter + 1):
        images = _images(centroids, symmetries)
        new, distances = assign(points, images, options.run)
        inertia = float(distances.double().sum())
        settled = not revived and previous - inertia <= options.tolerance * inertia
        if settled or iteration == options.max_iter or torch.equal(new, index):
            return Clustering(centroids, new, inertia)
        index, previous = new, inertia
        sums, sizes = _sums(points, index, len(images), options.run)
        sums, sizes = _undo(sums, symmetries), sizes.view(len(centroids), -1).sum(1)
        centroids = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp(min=1), centroids).to(points.dtype)
        far = distances.topk(min(int((sizes == 0).sum()), len(points))).indices
        revived = _revive(centroids, sizes == 0, points[far], images[index[far]])
    raise AssertionError("the last iteration returns")


def _images(centroids: Tensor, symmetries: Tensor) -> Tensor:
    """Return all images of all centroids ``(K·|S|, d)``, those of one centroid together."""
    return centroids[:, symmetries].flatten(0, 1)


def _sums(points: Tensor, index: Tensor, clusters: int, run: Run) -> tuple[Tensor, Tensor]:
    """Return the sum of each cluster's points ``(clusters, d)`` in double precision, and how many they are."""
    shape = (clusters, points.shape[1])

    def add_up(part: tuple[Tensor, Tensor]) -> Tensor:
        return points.new_zeros(shape).index_add_(0, part[1], part[0])

    # part by part: a float32 sum of very many terms loses digits
    sums = points.new_zeros(shape, dtype=torch.float64)
    for partial in run(add_up, zip(points.split(POINTS_AT_A_TIME), index.split(POINTS_AT_A_TIME), strict=True)):
        sums += partial
    return sums, torch.bincount(index, minlength=clusters)


def _undo(sums: Tensor, symmetries: Tensor) -> Tensor:
    """Turn the sums ``(K·|S|, d)`` over each image back to its centroid, and return their sum ``(K, d)``."""
    sums = sums.view(-1, *symmetries.shape)
    inverse = symmetries.argsort(1)
    return sums.gather(2, inverse.expand(sums.shape)).sum(1)


def _revive(centroids: Tensor, empty: Tensor, far: Tensor, nearest: Tensor) -> bool:
    """Move empty centroids to the points ``far`` from their ``nearest`` ones; return whether any was moved."""
    # a point that is its own centroid gains nothing; its distance, computed by products, is not exactly zero
    far = far[(far - nearest).square().sum(1) > 1e-10 * far.square().sum(1)]
    centroids[empty.nonzero()[: len(far), 0]] = far
    return len(far) > 0
