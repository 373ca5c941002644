"""Filter bases: shapes by the paper's formula, sharing, slicing, and the optimum that training starts from."""

import itertools
from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import pad

from decompbench.methods import SVD, Basis, Select, SettingError, Skip, begin, compress, count_stored, plan
from decompbench.methods.catalogue.basis.sliced_basis import sliced_basis
from decompbench.methods.numerics.linear import truncated_svd
from decompbench.models import load_model

from ..cases import compressed, conv_cases, relative_error, small_net, spec_of
from ..variants import CHECKS, check_storage

EXAMPLE = torch.randn(2, 3, 12, 12)
VARIANTS = {
    "plain": Basis(0.3),
    "blocks": Basis(0.3, sharing="group", split=4),
    "sliced": Basis(size=8, sharing="network", sliced=True),
    "sliced-alone": Basis(0.3, sliced=True),
    "vgg": Basis(size=4, split=4, between="bn-relu"),
    "srresnet": Basis(size=3, split=8, between="bn-prelu"),
    "srresnet-second": Basis(size=3, split=4, between="bn-prelu", after="bn-prelu"),
    "after-alone": Basis(size=3, split=4, after="bn"),
    "shared-bn": Basis(0.2, sharing="group", between="bn"),
    "wide-projection": Basis(size=2, split=8, projection_kernel=3),
    "densenet": Basis(size=4, sharing="network", sliced=True, projection_kernel=3, between="bn-relu"),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_variant(name, check):
    check(VARIANTS[name])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_stored(name, tmp_path):
    check_storage(VARIANTS[name], tmp_path / "small.safetensors")


# -- shapes and counts ------------------------------------------------------------------------------------------------


def split_of(c, n, kernel, **options):
    specs = [spec_of(nn.Conv2d(c, n, kernel), torch.zeros(1, c, 9, 9))]
    return Basis(**options).shape(specs)[0]


def test_split_is_the_divisor_nearest_to_the_optimum():
    # li2019 eq. 7: p* = sqrt(n·c/k²) = 21.3; of the divisors of 64, 16 is nearest
    assert split_of(64, 64, 3) == 16


@pytest.mark.parametrize(
    ("c", "n", "kernel", "split"),
    [
        (64, 64, 1, 64),  # 1×1, p* = 64: the plain two-factor form
        (64, 16, 1, 32),  # p* = 32
        (444, 12, 3, 12),  # c ≫ n, p* = 24.3; the divisors beside it are 12 and 37
        (31, 31, 3, 1),  # a prime has two divisors; p* = 10.3
        (31, 124, 3, 31),  # p* = 20.7
        (1, 64, 3, 1),
        (12, 40, (1, 3), 12),  # p* = 12.6
    ],
)
def test_split_of_unusual_layers(c, n, kernel, split):
    assert split_of(c, n, kernel) == split


@settings(max_examples=40, deadline=None)
@given(c=st.integers(1, 96), n=st.integers(1, 96), k=st.sampled_from([1, 3, 5]))
def test_no_divisor_is_nearer_to_the_optimum(c, n, k):
    chosen, optimum = split_of(c, n, k), sqrt(n * c / k**2)
    assert c % chosen == 0
    assert abs(chosen - optimum) == min(abs(d - optimum) for d in range(1, c + 1) if c % d == 0)


def test_split_of_a_shared_basis_counts_it_once():
    # m·(p·k² + Σ n·c/p) is least at p = sqrt(Σ n·c / k²): 120.7 for two convs of 256, where one alone has 85.3
    specs = [spec_of(nn.Conv2d(256, 256, 3), torch.zeros(1, 256, 3, 3))] * 2
    assert Basis(size=8).shape(specs[:1])[0] == 64
    assert Basis(size=8).shape(specs)[0] == 128
    costs = {}
    for split in (32, 64, 128, 256):
        layers, shared = Basis(size=8, split=split).group_costs(specs)
        costs[split] = sum(cost.weights for cost in layers) + shared.weights
    assert min(costs, key=lambda split: costs[split]) == 128


def test_counts_follow_the_formula():
    spec = spec_of(nn.Conv2d(12, 20, 3, bias=False), torch.randn(1, 12, 10, 10))
    m, s, p, n = 7, 3, 4, 20
    cost = Basis(size=m, split=p).layer_cost(spec)
    assert cost.weights == m * p * 9 + n * s * m
    assert cost.macs == (s * m * p * 9 + n * s * m) * 64
    # a 3×3 projection has nine times the coefficients
    wide = Basis(size=m, split=p, projection_kernel=3).layer_cost(spec)
    assert wide.weights == m * p * 9 + n * s * m * 9
    assert wide.macs == (s * m * p * 9 + n * s * m * 9) * 64


def test_a_split_that_does_not_divide_is_skipped_with_a_reason():
    spec = spec_of(nn.Conv2d(10, 8, 3), torch.randn(1, 10, 8, 8))
    assert "does not divide" in Basis(split=4).layer_cost(spec).reason


def test_grouped_convolutions_are_skipped_with_a_reason():
    spec = spec_of(nn.Conv2d(12, 24, 3, groups=3), torch.randn(1, 12, 8, 8))
    assert Basis().layer_cost(spec) == Skip("grouped convolution (3 groups)")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"sliced": True, "split": 4}, "split is None, got 4"),
        ({"gamma": 1.0, "between": "bn-relu"}, r"between='bn-relu'.*gamma is 0, got 1\.0"),
        ({"gamma": 1.0, "after": "bn"}, r"after='bn'.*gamma is 0, got 1\.0"),
        ({"gamma": 1.0, "projection_kernel": 3}, r"projection_kernel=3.*gamma is 0, got 1\.0"),
        ({"between": "relu"}, "'bn-prelu', got 'relu'"),
        ({"projection_kernel": 5}, "projection_kernel is 1 or 3, got 5"),
    ],
)
def test_settings_that_contradict_each_other(bad, message):
    with pytest.raises(SettingError, match=message):
        Basis(**bad)


def test_kind_depends_on_the_settings():
    kinds = {name: method.kind for name, method in VARIANTS.items()}
    architectural = {"vgg", "srresnet", "srresnet-second", "after-alone", "shared-bn", "wide-projection", "densenet"}
    assert {name for name, kind in kinds.items() if kind == "architectural"} == architectural


# -- sharing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sharing", "groups"),
    [
        ("none", [["stage1.0.0"], ["stage1.1.0"], ["stage2.0.0"], ["stage2.1.0"]]),
        ("block", [["stage1.0.0"], ["stage1.1.0"], ["stage2.0.0"], ["stage2.1.0"]]),
        ("group", [["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"]]),
        (r"stage\d", [["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"]]),
        ("network", [["stage1.0.0", "stage1.1.0", "stage2.0.0", "stage2.1.0"]]),
    ],
)
def test_sharing_groups(sharing, groups):
    todo = plan(small_net(), Basis(0.2, sharing=sharing), EXAMPLE)
    found = [list(group.paths) for group in todo.groups if "pointwise" not in group.paths]
    assert found == groups


@pytest.mark.parametrize(
    ("method", "one", "two"),
    [
        (Basis(0.3, sharing="group"), (0, 0), (0, 1)),
        (Basis(0.3, sharing="network", sliced=True), (0, 0), (1, 1)),  # 8 of 16 channels, and all of them
    ],
    ids=["group", "sliced"],
)
def test_layers_of_a_group_hold_one_parameter_that_gets_all_gradients(method, one, two):
    net = compress(small_net(), method, EXAMPLE)
    first, second = ([net.stage1, net.stage2][stage][unit][0] for stage, unit in (one, two))
    assert first.basis.weight is second.basis.weight
    net(EXAMPLE).sum().backward()
    total = first.basis.weight.grad.clone()
    # the same with the parameters apart: the shared gradient is the sum
    net.zero_grad()
    sharing = [m.basis for m in net.modules() if hasattr(m, "basis") and m.basis.weight is first.basis.weight]
    for basis in sharing:
        basis.weight = nn.Parameter(basis.weight.detach().clone())
    net(EXAMPLE).sum().backward()
    torch.testing.assert_close(total, sum(basis.weight.grad for basis in sharing))


def test_layers_of_two_groups_hold_two_parameters():
    net = compress(small_net(), Basis(0.3, sharing="group"), EXAMPLE)
    assert net.stage1[0][0].basis.weight is not net.stage2[0][0].basis.weight


def test_sharing_survives_dtype_changes():
    net = small_net()
    begin(net, plan(net, Basis(0.3, sharing="group"), EXAMPLE))
    net.double()
    assert net.stage1[0][0].basis.weight is net.stage1[1][0].basis.weight


# -- initialisation ---------------------------------------------------------------------------------------------------


def test_one_split_is_svd():
    for conv in conv_cases()[::3]:
        x = torch.randn(2, conv.in_channels, 9, 10)
        rank = max(1, min(conv.out_channels, conv.in_channels * 3) // 2)
        svd = compressed(conv, SVD(rank / conv.out_channels), x)
        for method in (Basis(size=rank, split=conv.in_channels), Basis(size=rank, sliced=True)):
            torch.testing.assert_close(compressed(conv, method, x)(x), svd(x), rtol=1e-4, atol=1e-5)


def test_one_channel_a_split_is_a_basis_of_2d_filters():
    conv = nn.Conv2d(6, 10, 3)
    layer = compressed(conv, Basis(size=4, split=1), torch.randn(1, 6, 8, 8))
    assert layer.basis.weight.shape == (4, 1, 3, 3)
    # all 60 channel-wise kernels lie in the span of 4 kernels, the best 4 there are
    kernels = layer.dense_weight().detach().double().reshape(60, 9)
    original = conv.weight.detach().double().reshape(60, 9)
    assert torch.linalg.matrix_rank(kernels, rtol=1e-5) == 4
    left, singular, right = torch.linalg.svd(original, full_matrices=False)
    torch.testing.assert_close(kernels, left[:, :4] * singular[:4] @ right[:4], rtol=1e-4, atol=1e-6)


def test_a_wide_projection_starts_as_the_plain_one():
    for conv in conv_cases()[::3]:
        x = torch.randn(2, conv.in_channels, 9, 10)
        plain, wide = (compressed(conv, Basis(0.4, projection_kernel=kernel), x) for kernel in (1, 3))
        assert relative_error(wide(x), plain(x)) < 1e-6
        with pytest.raises(TypeError, match="no dense weight"):
            wide.dense_weight()


def filled_svd_error(matrices, rank):
    """Error of the SVD of all matrices, the narrower ones filled up with zeros."""
    width = max(matrix.shape[1] for matrix in matrices)
    mixing, basis = truncated_svd(torch.cat([pad(matrix, (0, width - matrix.shape[1])) for matrix in matrices]), rank)
    return fit_error(matrices, mixing.split([len(matrix) for matrix in matrices]), basis)


def fit_error(matrices, mixings, basis):
    pairs = zip(matrices, mixings, strict=True)
    return sum(float((w - a @ basis[:, : w.shape[1]]).square().sum()) for w, a in pairs)


def nested(widths, rows=8):
    torch.manual_seed(0)
    return [torch.randn(rows, width, dtype=torch.double) for width in widths]


def test_sliced_basis_beats_the_svd_and_every_sweep_helps():
    matrices = nested([9, 18, 36, 36])
    errors = [fit_error(matrices, *sliced_basis(matrices, 6, sweeps)) for sweeps in (0, 1, 2, 5, 20)]
    assert errors[0] < filled_svd_error(matrices, 6)
    assert all(later < earlier for earlier, later in itertools.pairwise(errors))


def test_basis_filters_and_their_coefficients_have_one_norm():
    mixings, basis = sliced_basis(nested([9, 18, 36]), 6)
    torch.testing.assert_close(torch.cat(mixings).norm(dim=0), basis.norm(dim=1))


def test_sliced_basis_finds_one_that_is_exact():
    basis = torch.randn(5, 36, dtype=torch.double)
    matrices = [torch.randn(8, 5, dtype=torch.double) @ basis[:, :width] for width in (18, 27, 36)]
    norm = sum(float(matrix.square().sum()) for matrix in matrices)
    assert filled_svd_error(matrices, 5) > 0.01 * norm
    assert fit_error(matrices, *sliced_basis(matrices, 5, sweeps=200)) < 1e-4 * norm


def test_sliced_basis_of_one_width_is_the_svd():
    matrices = nested([18, 18, 18])
    assert fit_error(matrices, *sliced_basis(matrices, 6)) == pytest.approx(filled_svd_error(matrices, 6))


def test_sliced_basis_of_full_size_is_exact():
    matrices = nested([9, 18, 36])
    assert fit_error(matrices, *sliced_basis(matrices, 24)) < 1e-12
    # a matrix of zeros has neither basis nor coefficients, and must not divide by its norm
    mixings, basis = sliced_basis([torch.zeros(4, 9), torch.zeros(4, 18)], 3)
    assert basis.isfinite().all()
    assert all(mixing.isfinite().all() for mixing in mixings)


@pytest.mark.parametrize("sharing", [{"sharing": "group"}, {"sharing": "network", "sliced": True}], ids=str)
def test_shared_bases_of_full_size_reproduce_the_network(sharing):
    net = small_net()
    expected = net(EXAMPLE)
    todo = plan(net, Basis(rank=1.0, **sharing), EXAMPLE, select=Select(include=("stage*",)))
    # more weights than before: a plan would leave the layers dense
    assert all("not efficient" in (layer.reason or "") for layer in todo.layers if layer.path.startswith("stage"))
    method = Basis(rank=1.0, **sharing)
    convs = {layer.path: net.get_submodule(layer.path) for layer in todo.layers if layer.path.startswith("stage")}
    specs = [layer.spec for layer in todo.layers if layer.path in convs]
    for group in method.share(specs):
        for path, layer in method.compress_group(convs, group, torch.Generator()).items():
            parent, _, name = path.rpartition(".")
            setattr(net.get_submodule(parent), name, layer)
    assert relative_error(net(EXAMPLE), expected) < 1e-5


@pytest.mark.parametrize(
    "method",
    [
        Basis(0.3, gamma=2.0),
        Basis(0.3, gamma=2.0, sharing="group"),
        Basis(0.3, gamma=2.0, sharing="network", sliced=True),
    ],
    ids=str,
)
def test_joint_objective_is_the_distance_to_the_trained_weights(method):
    net = small_net()
    originals = {
        path: module.weight.detach().clone() for path, module in net.named_modules() if hasattr(module, "groups")
    }
    session = begin(net, plan(net, method, EXAMPLE))
    layers = {path: module for path, module in net.named_modules() if hasattr(module, "basis")}
    assert len(layers) >= 4
    with torch.no_grad():
        distance = sum(float((originals[path] - m.dense_weight()).square().sum()) for path, m in layers.items())
    assert session.penalty().item() == pytest.approx(2.0 * distance, rel=1e-5)
    session.penalty().backward()
    assert all(layer.basis.weight.grad is not None for layer in layers.values())


# -- inference forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "forms"),
    [
        (Basis(0.3, split=8), {"compact", "dense"}),
        (Basis(0.3, split=4), {"compact", "dense", "grouped", "loop"}),
        (Basis(size=3, split=4, between="bn-relu"), {"compact", "grouped", "loop"}),
        (Basis(size=3, split=4, after="bn-prelu"), {"compact", "grouped", "loop"}),
        (Basis(0.3, sliced=True), {"compact", "dense", "unshared"}),
        (Basis(size=2, projection_kernel=3, sliced=True), {"compact", "unshared"}),
    ],
)
def test_every_equal_form_is_offered(method, forms):
    assert set(compress(small_net(), method, EXAMPLE).stage1[0][0].forms()) == forms


def test_what_comes_after_the_projection_is_applied_to_it():
    conv = nn.Conv2d(8, 6, 3, padding=1)
    x = torch.randn(2, 8, 9, 9)
    layer = compressed(conv, Basis(1.0, split=4, after="bn-prelu"), x)
    norm, prelu = layer.after
    assert (norm.num_features, prelu.weight.numel()) == (6, 1)
    torch.testing.assert_close(layer(x), prelu(norm(conv(x))), rtol=1e-4, atol=1e-5)
    assert Basis(after="bn").kind == "architectural"


def test_a_loop_over_many_splits_is_not_offered():
    layer = compressed(nn.Conv2d(16, 32, 3), Basis(size=2, split=1), torch.randn(1, 16, 8, 8))
    assert "loop" not in layer.forms()


def test_filters_beyond_the_full_rank_train():
    conv = nn.Conv2d(6, 4, 3, padding=1)
    x = torch.randn(8, 6, 9, 9)
    layer = compressed(conv, Basis(size=9, split=6), x)
    torch.testing.assert_close(layer(x), conv(x), rtol=1e-4, atol=1e-5)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    before = layer.basis.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        (layer(x) - torch.randn(8, 4, 9, 9)).square().mean().backward()
        optimizer.step()
    assert (layer.basis.weight != before).flatten(1).any(1).all()


def test_densenet_holds_one_basis_of_its_widest_layer():
    method = Basis(size=24, sharing="network", sliced=True, projection_kernel=3, between="bn-relu")
    net, select = load_model("densenet40"), Select(include=("features.denseblock*",))
    todo = plan(net, method, torch.zeros(1, 3, 32, 32), select=select, overrides={"features.transition*": SVD(1 / 6)})
    small = begin(net, todo).finish()
    bases = {id(layer.basis.weight): layer.basis.weight.shape for layer in small.modules() if hasattr(layer, "basis")}
    assert list(bases.values()) == [(24, 444, 3, 3)]
    assert sum(layer.group is not None for layer in todo.layers) == 36 + 2
    assert count_stored(small).weights == todo.after.weights
    assert small(torch.randn(2, 3, 32, 32)).shape == (2, 10)
