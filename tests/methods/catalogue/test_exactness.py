"""Exactness: at full size a weight-space method gives the convolution back, below it loses no more than it must."""

import itertools

import pytest
import torch

from decompbench.methods import CP, SVD, TT, Basis, CompressedConv2d, Factor, FSNet, Group, KMeans, SpatialSVD, Tucker2

from ..cases import compressed, conv_cases, relative_error, spec_of

FULL = {
    "spatial-svd": SpatialSVD(rank=1.0),
    "cp": CP(rank=1.0),
    "tt": TT(rank=1.0),
    "svd": SVD(rank=1.0),
    "tucker2": Tucker2(rank=1.0),
    "group": Group(group_size=2, degree=10_000),
    "group-of-one": Group(group_size=1, degree=10_000),
    "basis": Basis(rank=1.0),
    "basis-one-split": Basis(rank=1.0, split=10_000, sharing="none"),
    "basis-2d": Basis(rank=1.0, split=1),
    "kmeans": KMeans(clusters=10_000),
}
LOSSY = {
    "spatial-svd": SpatialSVD(rank=0.4),
    "cp": CP(rank=0.3),
    "tt": TT(rank=0.4),
    "svd": SVD(rank=0.4),
    "tucker2": Tucker2(rank=0.4),
    "group": Group(group_size=2),
    "basis": Basis(rank=0.4),
    "kmeans": KMeans(clusters=5),
    "fsnet": FSNet(),
    "fsnet-deep": FSNet(depth=4),
}


@pytest.mark.parametrize("name", FULL)
def test_full_budget_reproduces_the_convolution(name):
    for conv in conv_cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        layer = compressed(conv, FULL[name], x)
        assert relative_error(layer(x), conv(x)) < 1e-5, conv


@pytest.mark.parametrize("name", LOSSY)
def test_dense_weight_is_the_operator_the_layer_applies(name):
    for conv in conv_cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        layer = compressed(conv, LOSSY[name], x)
        assert isinstance(layer, CompressedConv2d)
        expected = layer(x)
        assert layer.dense_weight().shape == conv.weight.shape
        for form, module in layer.forms().items():
            assert relative_error(module(x), expected) < 1e-5, (form, conv)
        assert relative_error(layer.compact()(x), expected) < 1e-5, conv


def test_architectural_layer_has_no_dense_weight():
    conv = torch.nn.Conv2d(4, 4, 3)
    layer = compressed(conv, Factor(), torch.randn(1, 4, 8, 8))
    assert isinstance(layer, CompressedConv2d)
    with pytest.raises(TypeError, match="not linear"):
        layer.dense_weight()
    assert set(layer.forms()) == {"compact"}


def test_factor_keeps_the_output_shape():
    for conv in conv_cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        for stacks in (1, 2, 3):
            assert compressed(conv, Factor(stacks), x)(x).shape == conv(x).shape, conv


def squared_error(conv, method):
    layer = compressed(conv, method, torch.randn(1, conv.in_channels, 9, 10))
    assert isinstance(layer, CompressedConv2d)
    return float((layer.dense_weight() - conv.weight).double().square().sum())


@pytest.mark.parametrize("rank", [0.1, 0.3, 0.7])
def test_svd_meets_the_optimum(rank):
    conv = torch.nn.Conv2d(10, 24, 3)
    kept = SVD(rank).width(spec_of(conv, torch.randn(1, 10, 8, 8)))
    discarded = torch.linalg.svdvals(conv.weight.detach().double().flatten(1))[kept:]
    assert squared_error(conv, SVD(rank)) == pytest.approx(float(discarded.square().sum()), rel=1e-5)


def test_group_meets_the_optimum_of_its_partition():
    conv = torch.nn.Conv2d(12, 20, 3)
    discarded = 0.0
    for block in conv.weight.detach().double().flatten(1).chunk(4, dim=1):
        discarded += float(torch.linalg.svdvals(block)[3:].square().sum())
    assert squared_error(conv, Group(group_size=3)) == pytest.approx(discarded, rel=1e-5)


def test_basis_meets_the_optimum_of_the_matrix_of_splits():
    conv = torch.nn.Conv2d(12, 20, 3)
    splits = conv.weight.detach().double().reshape(20 * 3, 4 * 9)
    discarded = torch.linalg.svdvals(splits)[7:]
    assert squared_error(conv, Basis(size=7, split=4)) == pytest.approx(float(discarded.square().sum()), rel=1e-5)


def test_basis_of_one_split_is_svd():
    conv = torch.nn.Conv2d(8, 16, 3)
    x = torch.randn(2, 8, 7, 7)
    torch.testing.assert_close(compressed(conv, Basis(size=6, split=8), x)(x), compressed(conv, SVD(6 / 16), x)(x))


@pytest.mark.parametrize(
    "budgets",
    [
        [SVD(r / 10) for r in range(1, 11)],
        [Tucker2(r / 10) for r in range(1, 11)],
        [Basis(r / 10) for r in range(1, 11)],
        [Group(2, degree=d) for d in range(1, 9)],
    ],
    ids=lambda budgets: budgets[0].name,
)
def test_error_never_grows_with_the_budget(budgets):
    conv = torch.nn.Conv2d(16, 12, 3)
    errors = [squared_error(conv, method) for method in budgets]
    assert all(later <= earlier * (1 + 1e-6) + 1e-9 for earlier, later in itertools.pairwise(errors))
