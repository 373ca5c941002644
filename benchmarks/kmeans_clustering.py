"""Clustering of as many kernels as VGG-16 has: our k-means and scikit-learn's on the same data, in turn.

    .venv/bin/pip install scikit-learn
    .venv/bin/python benchmarks/kmeans_clustering.py

Each fit has a process of its own, so that its peak memory is its own. Inertias are computed alike, in double precision.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from decompbench.methods.catalogue.kmeans.method import normalised_kernels
from decompbench.methods.numerics.clustering import kmeans

Measured = dict[str, float]


def make_kernels(count: int, seed: int) -> torch.Tensor:
    """Return normalised 3×3 kernels ``(count, 9)``: one half is noise, the other 400 noisy patterns."""
    generator = torch.Generator().manual_seed(seed)
    half = count // 2
    noise = torch.randn(count - half, 9, generator=generator)
    patterns = torch.randn(400, 9, generator=generator)[torch.randint(400, (half,), generator=generator)]
    patterns = patterns * torch.randn(half, 1, generator=generator) + 0.3 * torch.randn(half, 9, generator=generator)
    kernels = torch.cat([noise, patterns])[torch.randperm(count, generator=generator)]
    return normalised_kernels(kernels.view(-1, 3, 3))[1]


def ours(points: torch.Tensor, clusters: int, seed: int) -> np.ndarray:
    """Return the centroids of `kmeans` at its defaults."""
    return kmeans(points, clusters, torch.Generator().manual_seed(seed)).centroids.numpy()


def ours_spread(points: torch.Tensor, clusters: int, seed: int) -> np.ndarray:
    """Return the centroids of `kmeans` started by k-means++."""
    return kmeans(points, clusters, torch.Generator().manual_seed(seed), init="k-means++").centroids.numpy()


def sklearn(points: torch.Tensor, clusters: int, seed: int) -> np.ndarray:
    """Return the centroids of scikit-learn's ``KMeans(n_init=1)``."""
    from sklearn.cluster import KMeans  # pyright: ignore[reportMissingImports]

    return KMeans(clusters, n_init=1, random_state=seed).fit(points.numpy()).cluster_centers_


FITS: dict[str, Callable[[torch.Tensor, int, int], np.ndarray]] = {
    "decompbench": ours,
    "decompbench, k-means++": ours_spread,
    "scikit-learn": sklearn,
}


def measure(task: tuple[str, int, int, int, int]) -> Measured:
    """Fit once, in this process, and return seconds, inertia and peak memory in bytes."""
    name, count, clusters, seed, threads = task
    torch.set_num_threads(threads)
    points = make_kernels(count, seed=0)
    fit = FITS[name]
    fit(points[: 4 * clusters], clusters, seed)  # imports and thread pools are ready
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    centroids = fit(points, clusters, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": wall,
        "cpu": cpu,
        "inertia": inertia(points.numpy(), centroids),
        "peak": 1024 * peak,
        "more": 1024 * (peak - before),
    }


def inertia(points: np.ndarray, centroids: np.ndarray) -> float:
    """Return the sum of squared distances to the nearest centroid."""
    centroids = centroids.astype(np.float64)
    total = 0.0
    for chunk in np.array_split(points, max(1, len(points) // 8192)):
        part = chunk.astype(np.float64)
        scores = part @ centroids.T - 0.5 * np.square(centroids).sum(1)
        total += float(np.square(part).sum() - 2 * scores.max(1).sum())
    return total


def main() -> None:
    """Run all fits in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=int, default=1_600_000)
    parser.add_argument("--clusters", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    # scikit-learn's threads are set before it starts
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "OPENBLAS_NUM_THREADS": str(options.threads)}
    found: dict[str, list[Measured]] = {name: [] for name in FITS}
    context = multiprocessing.get_context("spawn")
    for seed in range(options.rounds):
        for name, results in found.items():
            with context.Pool(1) as pool:
                task = (name, options.kernels, options.clusters, seed, options.threads)
                results.append(pool.apply(measure, (task,)))
    print(f"{options.kernels:,} kernels into {options.clusters} clusters, {options.threads} threads, "
          f"median of {options.rounds}; load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print(
        "| | seconds | of scikit-learn's | CPU seconds | inertia | of scikit-learn's | peak memory | of it the fit's |"
    )
    print("|---|---|---|---|---|---|---|---|")
    medians = {
        name: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for name, results in found.items()
    }
    reference = medians["scikit-learn"]
    for name, row in medians.items():
        print(
            f"| {name} | {row['seconds']:.1f} | {100 * row['seconds'] / reference['seconds']:.1f} % | {row['cpu']:.1f} "
            f"| {row['inertia']:,.0f} | {100 * row['inertia'] / reference['inertia']:.2f} % "
            f"| {row['peak'] / 1e6:,.0f} MB | {row['more'] / 1e6:,.0f} MB |"
        )


if __name__ == "__main__":
    main()
