"""Starting centroids of k-means: distinct points at random, or points far from each other (k-means++)."""

from __future__ import annotations

from math import log
from typing import Literal

import torch
from torch import Tensor

KMeansInit = Literal["random", "k-means++"]


def starting_centroids(
    points: Tensor,
    order: Tensor,
    sample: int,
    clusters: int,
    init: KMeansInit,
    symmetries: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Return ``clusters`` points to start from ``(clusters, d)``; they repeat where there are fewer distinct ones.

    Parameters
    ----------
    points : Tensor ``(N, d)``
    order : Tensor ``(N,)``
        A random order of them.
    sample
        How many of them to choose from; all, if there are too few distinct ones among these.
    clusters
        How many to choose.
    init
        ``"random"``: distinct points; ``"k-means++"``: one after the other, with a probability proportional to the
        squared distance from the nearest chosen so far; the best of a few draws each (arthur2007).
    symmetries : Tensor ``(|S|, d)``
        Permutations under which points count as near.
    generator
        Source of the random draws.
    """
    head = points[order[:sample]]
    chosen = _spread(head, clusters, symmetries, generator) if init == "k-means++" else _distinct(head, clusters)
    if len(chosen) < clusters and sample < len(points):
        chosen = _distinct(points[order], clusters)
    # centroids beyond the distinct points cannot lower the error: they repeat points
    return chosen[torch.arange(clusters, device=points.device) % len(chosen)].clone()


def _distinct(points: Tensor, clusters: int) -> Tensor:
    """Return the first ``clusters`` distinct points, in their order."""
    distinct, inverse = torch.unique(points, dim=0, return_inverse=True)
    places = torch.arange(len(points), device=points.device)
    first = torch.full((len(distinct),), len(points), device=points.device).scatter_reduce(0, inverse, places, "amin")
    return points[first.sort().values[:clusters]]


def _spread(points: Tensor, clusters: int, symmetries: Tensor, generator: torch.Generator) -> Tensor:
    """Return up to ``clusters`` points drawn by k-means++."""
    draws = 2 + int(log(clusters))
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    nearest = _distances(points, points[chosen], symmetries)[:, 0]
    while len(chosen) < clusters and nearest.any():
        drawn = torch.multinomial(nearest.cpu(), draws, replacement=True, generator=generator).to(points.device)
        after = torch.minimum(nearest[:, None], _distances(points, points[drawn], symmetries))
        best = after.sum(0).argmin()
        chosen.append(int(drawn[best]))
        nearest = after[:, best]
        nearest[chosen[-1]] = 0
    return points[chosen]


def _distances(points: Tensor, others: Tensor, symmetries: Tensor) -> Tensor:
    """Return the squared distance from each of ``points`` to the nearest image of each of ``others``."""
    images = others[:, symmetries].flatten(0, 1)
    squares = points.square().sum(1)[:, None] - 2 * points @ images.mT + images.square().sum(1)
    return squares.view(len(points), len(others), -1).amin(2).clamp(min=0)
