"""K-means: the algorithm against SciPy's, its symmetries against brute force, and data that break naive code."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2

from decompbench.methods.numerics import clustering
from decompbench.methods.numerics.clustering import assign, kmeans
from decompbench.methods.numerics.symmetry import SYMMETRY_COUNT, symmetry_permutations


def clustered(points, clusters, seed=0, **options):
    return kmeans(points, clusters, torch.Generator().manual_seed(seed), **options)


def inertia(points, centroids):
    return float(torch.cdist(points.double(), centroids.double()).amin(1).square().sum())


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small_samples(monkeypatch, first=64, per_centroid=1):
    monkeypatch.setattr(clustering, "FIRST_SAMPLE", first)
    monkeypatch.setattr(clustering, "SAMPLE_PER_CENTROID", per_centroid)


def test_lloyd_converges_to_scipys_result_from_the_same_start():
    points = normal(400, 9)
    start = points[torch.randperm(400, generator=torch.Generator().manual_seed(5))[:12]]
    ours = clustered(points, 12, seed=5, tolerance=0)
    theirs, _ = kmeans2(points.double().numpy(), start.double().numpy(), iter=200, minit="matrix")
    assert ours.inertia == pytest.approx(inertia(points, torch.tensor(theirs)), rel=1e-4)
    assert ours.inertia == pytest.approx(inertia(points, ours.centroids), rel=1e-5)
    assert torch.equal(ours.index, assign(points, ours.centroids)[0])


def test_samples_of_growing_size_end_as_well_as_all_points_at_once(monkeypatch):
    points = normal(6000, 9)
    whole = clustered(points, 20)
    small_samples(monkeypatch, first=100)
    grown = clustered(points, 20)
    assert grown.inertia == pytest.approx(whole.inertia, rel=0.02)
    assert grown.inertia == pytest.approx(inertia(points, grown.centroids), rel=1e-5)
    # centroids are those of all points, not of a sample: another step of Lloyd's changes next to nothing
    means = torch.stack([points[grown.index == k].mean(0) for k in range(20)])
    assert inertia(points, means) == pytest.approx(grown.inertia, rel=1e-4)


def test_a_larger_tolerance_stops_earlier_and_no_better():
    points = normal(3000, 9)
    results = [clustered(points, 30, tolerance=tolerance).inertia for tolerance in (0, 1e-3, 0.1)]
    assert results == sorted(results)
    assert results[0] < results[2]


def test_the_number_of_threads_changes_nothing_and_is_put_back():
    points = normal(40_000, 4)
    threads = torch.get_num_threads()
    results = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            results.append(clustered(points, 5))
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0].centroids, results[1].centroids)
    assert torch.equal(results[0].index, results[1].index)


def test_the_best_of_several_starts_is_kept():
    points = normal(300, 3)
    singles = []
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        singles.append(kmeans(points, 10, generator).inertia)
    assert clustered(points, 10, inits=6).inertia == min(singles) < max(singles)


def test_plus_plus_finds_every_one_of_many_far_groups():
    centres = 100 * normal(25, 9)
    points = (centres[:, None] + normal(25, 20, 9, seed=1)).flatten(0, 1)
    spread = [clustered(points, 25, seed, init="k-means++", max_iter=1).inertia for seed in range(4)]
    random = [clustered(points, 25, seed, max_iter=1).inertia for seed in range(4)]
    assert max(spread) < 9 * len(points)
    assert min(random) > 9 * len(points)


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_as_many_clusters_as_points_leaves_no_error(init):
    points = normal(30, 9)
    found = clustered(points, 30, init=init)
    assert torch.equal(found.centroids[found.index], points)


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_repeated_points_and_empty_clusters(init):
    points = normal(5, 9).repeat(4, 1)
    found = clustered(points, 8, init=init)
    assert found.centroids.isfinite().all()
    torch.testing.assert_close(found.centroids[found.index], points)


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_a_sample_with_too_few_distinct_points_is_not_all_there_is(init, monkeypatch):
    small_samples(monkeypatch, first=16)
    points = torch.cat([torch.ones(5000, 9), normal(12, 9)])
    found = clustered(points, 13, init=init)
    assert found.inertia < 1e-4
    assert len(found.index.unique()) == 13


@pytest.mark.parametrize("far", [(1, 1), (2, 1), (1, 7)])
def test_an_empty_cluster_takes_the_farthest_point(far):
    points = torch.cat([torch.zeros(50, 2), torch.full((far[0], 2), 100.0), torch.full((far[1], 2), -100.0)])
    settings = clustering.ClusteringOptions("random", 100, 0.0, torch.arange(2)[None], map)
    # of three equal centroids far from all points, two have none and would never get any
    found = clustering._lloyd(points, torch.full((3, 2), 1000.0), settings)
    assert len(found.index.unique()) == 3
    assert found.inertia < 1e-6


def test_assignment_is_nearest_however_it_is_chunked(monkeypatch):
    points, centroids = normal(100, 9), normal(7, 9, seed=1)
    whole = assign(points, centroids)
    monkeypatch.setattr(clustering, "SCORES_AT_A_TIME", 50)
    monkeypatch.setattr(clustering, "POINTS_AT_A_TIME", 33)
    torch.testing.assert_close(assign(points, centroids), whole)
    assert torch.equal(whole[0], torch.cdist(points, centroids).argmin(1))


def test_equal_centroids_are_equally_near():
    points, distinct = normal(200, 9), normal(6, 9, seed=1)
    centroids = distinct[torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5, 0])]
    index, distances = assign(points, centroids)
    exact = torch.cdist(points, distinct, compute_mode="donot_use_mm_for_euclid_dist").amin(1).square()
    torch.testing.assert_close(distances, exact)
    torch.testing.assert_close((points - centroids[index]).square().sum(1), exact)


@pytest.mark.parametrize(("symmetry", "order"), SYMMETRY_COUNT.items())
@pytest.mark.parametrize("size", [2, 3, 4])
def test_symmetries_are_a_group(symmetry, order, size):
    table = symmetry_permutations(symmetry, size)
    assert table.shape == (order, size * size)
    assert torch.equal(table[0], torch.arange(size * size))
    images = {tuple(row.tolist()) for row in table}
    assert len(images) == order
    assert {tuple(a[b].tolist()) for a in table for b in table} == images


def test_symmetries_are_the_named_ones():
    kernel = normal(3, 3)
    images = kernel.flatten()[symmetry_permutations("D4", 3)].view(8, 3, 3)
    expected = [kernel, kernel.flip(1), kernel.flip(0), torch.rot90(kernel, 2), kernel.mT]
    for image, wanted in zip(images, expected, strict=False):
        assert torch.equal(image, wanted)
    turns = {tuple(torch.rot90(kernel, turn).flatten().tolist()) for turn in range(4)}
    assert turns <= {tuple(image.flatten().tolist()) for image in images}


@pytest.mark.parametrize("symmetry", SYMMETRY_COUNT)
def test_one_centroid_stands_for_all_images_of_a_kernel(symmetry):
    table = symmetry_permutations(symmetry, 3)
    kernels = normal(6, 9)
    points = kernels[:, table].flatten(0, 1).repeat(3, 1)
    exact = clustered(points, 6, init="k-means++", inits=3, symmetries=table)
    assert exact.inertia < 1e-6 * points.square().sum()
    centroid, image = exact.index // len(table), exact.index % len(table)
    rebuilt = exact.centroids[centroid].gather(1, table[image])
    torch.testing.assert_close(rebuilt, points, atol=1e-5, rtol=0)
    if symmetry != "i":
        assert clustered(points, 6, init="k-means++", inits=3).inertia > 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(1, 6), symmetry=st.sampled_from(["ih", "ihvo", "D4"]))
def test_under_symmetries_centroids_are_the_means_of_their_turned_back_members(seed, clusters, symmetry):
    table = symmetry_permutations(symmetry, 3)
    points = normal(60, 9, seed=seed)
    found = clustered(points, clusters, seed, tolerance=0, symmetries=table)
    centroid, image = found.index // len(table), found.index % len(table)
    images = found.centroids[:, table].flatten(0, 1)
    assert found.inertia == pytest.approx(inertia(points, images), rel=1e-4)
    for k in centroid.unique():
        members = [points[i][table[image[i]].argsort()] for i in (centroid == k).nonzero()[:, 0]]
        torch.testing.assert_close(found.centroids[k], torch.stack(members).mean(0), atol=1e-5, rtol=1e-4)
