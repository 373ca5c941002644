"""Kernel clustering: the algorithm against SciPy's, and the kernels that break naive code."""

import torch
from scipy.cluster.vq import kmeans2

from decompbench.methods import KMeans, compress
from decompbench.methods.clustering import assign, kmeans
from decompbench.methods.kmeans import normalised_kernels

from .cases import compressed, small_net


def inertia(points, centroids):
    return float(assign(points, centroids)[1].sum())


def clustered(points, clusters, seed=0, **options):
    found = kmeans(points, clusters, torch.Generator().manual_seed(seed), **options)
    return found.centroids, found.index


def test_lloyd_converges_to_scipys_result_from_the_same_start():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(400, 9, generator=generator)
    start = points[torch.randperm(400, generator=torch.Generator().manual_seed(5))[:12]]
    ours, index = clustered(points, 12, 5, tolerance=0)
    theirs, _ = kmeans2(points.double().numpy(), start.double().numpy(), iter=200, minit="matrix")
    assert abs(inertia(points, ours) / inertia(points, torch.tensor(theirs).float()) - 1) < 1e-4
    assert torch.equal(index, assign(points, ours)[0])


def test_as_many_clusters_as_points_leaves_no_error():
    points = torch.randn(30, 9)
    centroids, index = clustered(points, 30)
    assert torch.equal(centroids[index], points)


def test_repeated_points_and_empty_clusters():
    points = torch.randn(5, 9).repeat(4, 1)
    centroids, index = clustered(points, 8)
    assert centroids.isfinite().all()
    torch.testing.assert_close(centroids[index], points)


def test_an_empty_cluster_takes_the_farthest_point():
    # two far groups of points; whichever start, three centroids must not leave one unused for ever
    points = torch.cat([torch.zeros(50, 2), torch.full((2, 2), 100.0), torch.full((1, 2), -100.0)])
    centroids, index = clustered(points, 3, 1)
    assert len(index.unique()) == 3
    assert inertia(points, centroids) < 1e-6


def test_normalised_kernels_have_unit_norm_and_positive_centres():
    kernels = torch.randn(20, 3, 3)
    kernels[3] = 0
    kernels[4, 1, 1] = 0
    scales, units = normalised_kernels(kernels)
    assert scales[3] == 0
    assert (units[3] == 0).all()
    rest = torch.arange(20) != 3
    torch.testing.assert_close(units[rest].norm(dim=1), torch.ones(19))
    assert (units[:, 4] >= 0).all()
    torch.testing.assert_close(scales[:, None] * units, kernels.flatten(1))


def test_zero_kernels_stay_zero():
    conv = torch.nn.Conv2d(4, 6, 3)
    with torch.no_grad():
        conv.weight[2] = 0
    layer = compressed(conv, KMeans(clusters=3), torch.randn(1, 4, 8, 8))
    assert (layer.dense_weight()[2] == 0).all()
    with torch.no_grad():
        conv.weight.zero_()
    layer = compressed(conv, KMeans(clusters=3), torch.randn(1, 4, 8, 8))
    assert (layer.dense_weight() == 0).all()


def test_one_codebook_serves_the_network_and_sums_its_members_gradients():
    net = compress(small_net(), KMeans(clusters=10), torch.randn(1, 3, 12, 12))
    layers = [net.stem, net.stage1[0][0], net.stage2[1][0], net.depthwise]
    codebook = net.stem.codebook
    assert all(layer.codebook is codebook for layer in layers)
    net.stage1[0][0].dense_weight().sum().backward()
    layer = net.stage1[0][0]
    members = torch.zeros(10).index_add_(0, layer.index.flatten().long(), layer.scale.detach().float().flatten())
    torch.testing.assert_close(codebook.grad, members[:, None, None].expand_as(codebook))


def test_assignment_is_nearest_however_it_is_chunked(monkeypatch):
    points, centroids = torch.randn(100, 9), torch.randn(7, 9)
    whole = assign(points, centroids)
    monkeypatch.setattr("decompbench.methods.clustering.CHUNK", 50)
    torch.testing.assert_close(assign(points, centroids), whole)
    assert torch.equal(whole[0], torch.cdist(points, centroids).argmin(1))
