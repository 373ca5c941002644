"""Tensor baselines: spatial SVD, tensor-train and CP against known bounds of the best approximation."""

import itertools

import pytest
import torch
from torch import nn

from decompbench.methods import CP, TT, SpatialSVD
from decompbench.methods.catalogue.chains import canonical
from decompbench.methods.catalogue.chains.canonical import (
    alternating_least_squares,
    exact_rank,
    slice_svd,
    squared_error,
)
from decompbench.methods.catalogue.chains.tt import tt_svd

from ..cases import compressed, spec_of

X = torch.randn(1, 10, 8, 8)


def smooth_conv(c=10, n=24, k=3):
    """Return a convolution whose kernels are correlated, as trained ones are: noise would hide what a rank buys."""
    torch.manual_seed(0)
    conv = nn.Conv2d(c, n, k)
    with torch.no_grad():
        for dim, size in enumerate(conv.weight.shape):
            mixing = torch.randn(size, size) * 0.6 ** torch.arange(size)
            conv.weight.copy_(torch.tensordot(conv.weight, mixing, ([dim], [1])).movedim(-1, dim))
    return conv


def lost(conv, method):
    layer = compressed(conv, method, torch.randn(1, conv.in_channels, 8, 8))
    return float((layer.dense_weight() - conv.weight).detach().double().square().sum())


def discarded(matrix, rank):
    return float(torch.linalg.svdvals(matrix)[rank:].square().sum())


@pytest.mark.parametrize("rank", [0.1, 0.3, 0.7])
def test_spatial_svd_meets_the_optimum(rank):
    conv = smooth_conv()
    kept = SpatialSVD(rank).width(spec_of(conv, X))
    matrix = conv.weight.detach().double().permute(0, 3, 1, 2).reshape(24 * 3, 10 * 3)
    assert lost(conv, SpatialSVD(rank)) == pytest.approx(discarded(matrix, kept), rel=1e-4)


@pytest.mark.parametrize("rank", [0.1, 0.3, 0.7])
def test_tensor_train_is_within_the_bounds_of_its_unfoldings(rank):
    conv = smooth_conv()
    tensor = conv.weight.detach().double().permute(1, 2, 3, 0)
    ranks = TT(rank).ranks(spec_of(conv, X))
    tails = [discarded(tensor.reshape(10 * 3**i, -1), r) for i, r in enumerate(ranks)]
    # oseledets2011, theorem 2.2; no tensor-train of these ranks can do better than the worst unfolding
    assert max(tails) * (1 - 1e-4) <= lost(conv, TT(rank)) <= sum(tails) * (1 + 1e-4)


def test_tensor_train_of_one_cut_is_the_truncated_svd_of_that_unfolding():
    tensor = torch.randn(5, 3, 4, 6, dtype=torch.float64)
    cores = tt_svd(tensor, [5, 7, 6])
    found = torch.einsum("xai,ibj,jck,kdy->abcd", *cores)
    assert float((tensor - found).square().sum()) == pytest.approx(discarded(tensor.reshape(15, 24), 7), rel=1e-9)


def test_tensor_train_shares_the_singular_values_between_neighbours():
    first, *_, last = tt_svd(smooth_conv().weight.detach().permute(1, 2, 3, 0), [10, 30, 24])
    values = torch.linalg.svdvals(smooth_conv().weight.detach().double().transpose(0, 1).flatten(1))
    torch.testing.assert_close(first.norm(dim=1).flatten(), values.sqrt())
    assert last.norm(dim=1).max() < 2 * values.max().sqrt()


@pytest.mark.parametrize("method", [SpatialSVD, TT])
def test_error_never_grows_with_the_rank(method):
    errors = [lost(smooth_conv(), method(r / 10)) for r in range(1, 11)]
    assert all(later <= earlier * (1 + 1e-6) + 1e-9 for earlier, later in itertools.pairwise(errors))


@pytest.mark.parametrize("rank", [1, 5, 20, 60])
def test_cp_starts_from_orthogonal_components_and_loses_what_they_leave(rank):
    weight = smooth_conv().weight.detach().double()
    factors = slice_svd(weight, rank)
    sizes = torch.stack([factor.norm(dim=0) for factor in factors]).prod(dim=0).square()
    assert float(squared_error(weight, factors) + sizes.sum()) == pytest.approx(float(weight.square().sum()))
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(sizes.tolist()))


@pytest.mark.parametrize("rank", [3, 20, 45])
def test_alternating_least_squares_never_raises_the_error(rank):
    weight = smooth_conv().weight.detach().double()
    start = slice_svd(weight, rank)
    errors = [
        float(squared_error(weight, alternating_least_squares(weight, start, ridge=1e-2, sweeps=sweeps, tolerance=0.0)))
        for sweeps in (0, 1, 2, 3, 5, 8, 13, 21)
    ]
    assert all(later <= earlier for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < 0.9 * errors[0]


def test_alternating_least_squares_finds_a_tensor_of_low_rank_again():
    torch.manual_seed(0)
    factors = [torch.randn(size, 4, dtype=torch.float64) for size in (12, 9, 3, 5)]
    weight = torch.einsum("nr,cr,hr,wr->nchw", *factors)
    found = alternating_least_squares(weight, slice_svd(weight, 4), ridge=1e-9, sweeps=500, tolerance=0.0)
    assert squared_error(weight, found) < 1e-9 * weight.square().sum()


def components(factors):
    return float(torch.stack([factor.norm(dim=0) for factor in factors]).prod(dim=0).square().sum())


def test_the_ridge_bounds_components_of_a_tensor_that_has_no_best_approximation():
    """``aab + aba + baa`` has rank 3, but tensors of rank 2 come as near as one likes with ever larger components."""
    a, b = torch.eye(2, dtype=torch.float64)
    terms = [(a, a, b), (a, b, a), (b, a, a)]
    weight = sum(torch.einsum("n,c,h->nch", *term) for term in terms)[..., None]
    generator = torch.Generator().manual_seed(0)
    start = tuple(torch.randn(size, 2, dtype=torch.float64, generator=generator) for size in weight.shape)
    sizes = {}
    for ridge in (1e-6, 1e-2):
        found = alternating_least_squares(weight, start, ridge=ridge, sweeps=300, tolerance=0.0)
        sizes[ridge] = components(found)
        assert sizes[ridge] <= components(start) + 3 / ridge
    assert sizes[1e-6] > 4 * sizes[1e-2]


def test_cp_takes_what_is_zero_or_of_low_rank():
    conv = nn.Conv2d(6, 8, 3)
    nn.init.zeros_(conv.weight)
    assert lost(conv, CP(0.3)) == 0
    with torch.no_grad():
        conv.weight[0, 0] = 1.0
    assert lost(conv, CP(0.3)) < 1e-10


def test_cp_is_better_than_its_start():
    assert lost(smooth_conv(), CP(0.1)) < 0.8 * lost(smooth_conv(), CP(0.1, sweeps=0))


def test_cp_at_the_exact_rank_is_exact():
    for shape in [(5, 7, 3, 3), (7, 5, 1, 4), (1, 3, 3, 2), (4, 1, 5, 1)]:
        weight = torch.randn(shape, dtype=torch.float64)
        assert squared_error(weight, slice_svd(weight, exact_rank(shape))) < 1e-24 * weight.square().sum()


def test_sweeps_in_parts_are_those_of_the_whole(monkeypatch):
    weight = torch.randn(10, 7, 3, 3, dtype=torch.double)
    start = slice_svd(weight, 12)
    options = {"ridge": 1e-3, "sweeps": 5, "tolerance": 0.0}
    whole = alternating_least_squares(weight, start, **options)
    monkeypatch.setattr(canonical, "ELEMENTS_AT_A_TIME", 200)
    parts = alternating_least_squares(weight, start, **options)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(squared_error(weight, parts), squared_error(weight, whole))
