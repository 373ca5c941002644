"""The refit to activations: never worse than the closed form, optimal where it says so, exact at full rank."""

import copy

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, Basis, Group, Select, SettingError, SpatialSVD, Tucker2, compress, load, plan, save
from decompbench.methods.catalogue.basis.layers import BasisConv2d
from decompbench.methods.catalogue.chains.chain import ChainConv2d
from decompbench.methods.catalogue.refit.positions import at_positions, draw_positions, patches_at
from decompbench.methods.numerics.linear import ridge, truncated_svd, whitened_svd

from ..cases import conv_cases, relative_error, small_net, spec_of

ALL = 10_000  # more positions than any map here has
TUCKER = [
    Tucker2(0.4),
    Tucker2(0.5, groups=2),
    Tucker2(0.4, coefficients="identity"),
    Tucker2(0.5, coefficients="identity", groups=2),
    Tucker2(0.4, hooi=2),
]


def correlated(*shape, seed=0):
    """Return inputs whose channels and neighbouring pixels are alike, none of them centred."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, generator=generator)
    mixing = torch.randn(shape[1], shape[1], generator=generator) * torch.logspace(0, -2, shape[1])
    return nn.functional.avg_pool2d(torch.einsum("bchw,dc->bdhw", x, mixing), 3, 1, 1) + 0.5


def error(conv, method, x, seed=0):
    """Return the squared output error of one compressed convolution on its calibration inputs."""
    net = nn.Sequential(nn.Conv2d(conv.in_channels, conv.out_channels, 1), conv)
    net[0] = nn.Identity()
    with torch.no_grad():
        expected = conv(x)
        compress(net, method, x, seed=seed, select=Select(), calibration=[x], inefficient="replace")
        return float((net(x) - expected).double().square().sum())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("damping", [1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize(
    "method", [Group(4), Group(2, degree=1), SVD(0.3), SpatialSVD(0.2), Basis(0.3), *TUCKER], ids=str
)
def test_ridge_never_makes_the_calibration_outputs_worse(method, damping, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 16, 3, bias=bias)
    # few samples too: fewer than there are coefficients
    for x in (torch.randn(6, 8, 8, 8), correlated(6, 8, 8, 8), correlated(1, 8, 4, 4)):
        closed = error(conv, method, x)
        refitted = error(conv, method.with_settings(refit="ridge", damping=damping, positions=ALL), x)
        assert refitted <= closed * (1 + 1e-5)


def test_ridge_is_the_least_squares_fit_as_the_damping_goes():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3), correlated(6, 8, 8, 8)
    net = nn.Sequential(nn.Identity(), conv)
    target = conv(x).detach().double().transpose(0, 1).flatten(1).T
    method = Group(4, refit="ridge", positions=ALL, damping=1e-9)
    compress(net, method, x, select=Select(), calibration=[x])
    features = net[1].first(x).detach().double().transpose(0, 1).flatten(1).T
    features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    best = torch.linalg.lstsq(features, target).solution
    fitted = torch.cat([net[1].second.weight[:, :, 0, 0].T, net[1].second.bias[None]]).detach().double()
    best_error = (features @ best - target).square().sum()
    assert (features @ fitted - target).square().sum() == pytest.approx(best_error.item(), rel=1e-4)


@pytest.mark.parametrize("refit", ["ridge", "whitened", "whitened-ridge"])
@pytest.mark.parametrize("method", [SVD(0.3), Group(8, degree=3), *TUCKER], ids=str)
def test_refitting_gains_much_where_inputs_are_correlated(method, refit):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3, padding=1), correlated(32, 8, 10, 10)
    assert error(conv, method.with_settings(refit=refit), x) < 0.5 * error(conv, method, x)


@pytest.mark.parametrize("method", [SpatialSVD(0.2), Basis(0.3)], ids=str)
def test_ridge_gains_much_where_inputs_are_correlated(method):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3, padding=1), correlated(32, 8, 10, 10)
    assert error(conv, method.with_settings(refit="ridge"), x) < 0.5 * error(conv, method, x)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("method", TUCKER, ids=str)
def test_whitened_tucker2_never_loses_more_of_the_output_than_any_other_basis_of_it(method, bias):
    """The first coefficients are those of the closed form, and the last ones the best orthogonal projection."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 16, 3, bias=bias)
    for x in (torch.randn(6, 8, 8, 8), correlated(6, 8, 8, 8)):
        closed = error(conv, method, x)
        assert error(conv, method.with_settings(refit="whitened", damping=1e-9, positions=ALL), x) <= closed


def test_whitened_tucker2_is_the_whitened_svd_where_all_input_channels_stay():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3), correlated(6, 8, 8, 8)
    settings = {"refit": "whitened", "positions": ALL, "damping": 1e-9}
    tucker = error(conv, Tucker2(ranks=(8, 4), **settings), x)
    assert tucker == pytest.approx(error(conv, SVD(0.25, **settings), x), rel=1e-3)


def features_of(layer, x):
    """Return what the last convolution of a replacement multiplies, a row an output position."""
    if isinstance(layer, ChainConv2d):
        last = layer.last
        patches = nn.functional.unfold(layer.convs[:-1](x), last.kernel_size, padding=last.padding, stride=last.stride)
        return patches.transpose(1, 2).flatten(0, 1)
    maps = layer.features(x) if isinstance(layer, BasisConv2d) else layer.core(layer.first(x))
    return maps.flatten(2).transpose(1, 2).flatten(0, 1)


@pytest.mark.parametrize("method", [SpatialSVD(0.2), Basis(0.3), Tucker2(0.4)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_ridge_is_the_least_squares_fit_of_the_last_convolution_whatever_its_kernel(method, stride):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3, stride, padding=1), correlated(8, 8, 9, 9)
    net = nn.Sequential(nn.Identity(), conv)
    target = conv(x).detach().double().flatten(2).transpose(1, 2).flatten(0, 1)
    fitted = method.with_settings(refit="ridge", positions=ALL, damping=1e-9)
    compress(net, fitted, x, select=Select(), calibration=[x], inefficient="replace")
    features = features_of(net[1], x).detach().double()
    features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    best = (features @ torch.linalg.lstsq(features, target).solution - target).square().sum().item()
    reached = (net[1](x).detach().double().flatten(2).transpose(1, 2).flatten(0, 1) - target).square().sum().item()
    assert reached == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("kernel", [1, 3])
def test_ridge_leaves_the_identity_of_an_identity_block(kernel):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, kernel), correlated(8, 8, 9, 9)
    method = Tucker2(0.4, coefficients="identity")
    nets = []
    for refit in ("none", "ridge"):
        net = nn.Sequential(nn.Identity(), nn.Conv2d(8, 16, kernel))
        net[1].load_state_dict(conv.state_dict())
        chosen = method.with_settings(refit=refit)
        compress(net, chosen, x, select=Select(), calibration=[x], inefficient="replace")
        nets.append(net[1].last if kernel == 3 else net[1].second)
    plain, fitted = nets
    assert torch.equal(plain.passes, fitted.passes)
    assert not torch.equal(plain.mixing.weight, fitted.mixing.weight)
    rows = fitted.matrix()[fitted.passes]
    assert torch.equal(rows, torch.eye(len(rows)))


def test_layers_that_share_a_basis_get_coefficients_of_their_own():
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)))
    x = correlated(8, 8, 9, 9)
    method, expected = Basis(0.3, sharing="network", refit="ridge", positions=ALL), net(x).detach()
    errors = []
    for refit in ("none", "ridge"):
        small = copy.deepcopy(net)
        compress(small, method.with_settings(refit=refit), x, select=Select(), calibration=[x])
        assert small[0].basis.weight is small[1].basis.weight is small[2].basis.weight
        errors.append((small(x) - expected).square().sum().item())
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("shape", [(20, 9), (9, 20), (12, 12)])
def test_whitened_svd_is_plain_for_white_inputs(shape):
    matrix = torch.randn(shape, dtype=torch.float64)
    for rank in (1, 4, 9):
        plain, whitened = truncated_svd(matrix, rank), whitened_svd(matrix, 3 * matrix @ matrix.T, rank)
        torch.testing.assert_close(whitened[0] @ whitened[1], plain[0] @ plain[1])


@pytest.mark.parametrize("shape", [(20, 9), (9, 20), (12, 12)])
def test_whitened_svd_loses_the_discarded_singular_values_in_the_inputs_metric(shape):
    torch.manual_seed(0)
    matrix, root = torch.randn(shape).double(), torch.randn(shape[1], shape[1] - 2).double()
    for rank in (1, 4, 8):
        left, right = whitened_svd(matrix, matrix @ root @ root.T @ matrix.T, rank)
        lost = ((matrix - left @ right) @ root).square().sum()
        discarded = torch.linalg.svdvals(matrix @ root)[rank:].square().sum()
        assert lost.item() == pytest.approx(discarded.item(), rel=1e-8, abs=1e-12)
        torch.testing.assert_close(left.norm(dim=0), right.norm(dim=1))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("method", "filters", "kernel", "rank"),
    [
        (Group(4), 16, 3, 4),
        # blocks taller than wide: 40 filters of 9 or 4 elements
        (Group(1, degree=3), 40, 3, 3),
        (SVD(0.5), 40, 1, 2),
    ],
    ids=["wide", "tall", "pointwise"],
)
def test_whitened_is_optimal_group_by_group_in_the_output(method, filters, kernel, rank, bias):
    """With one group of inputs that are not zero, no other factors of that rank lose less on the calibration inputs."""
    torch.manual_seed(0)
    channels = 4 if kernel == 1 else 8
    conv, x = nn.Conv2d(channels, filters, kernel, bias=bias), correlated(6, channels, 8, 8)
    if isinstance(method, Group):
        x[:, method.group_size :] = 0
    outputs = conv(x).detach().double().transpose(0, 1).flatten(1)
    # what the rank can at best keep: about the mean with a bias, about zero without
    centred = outputs - outputs.mean(1, keepdim=True) if bias else outputs
    discarded = torch.linalg.svdvals(centred)[rank:].square().sum().item()
    refitted = method.with_settings(refit="whitened", positions=ALL, damping=1e-12)
    assert error(conv, refitted, x) == pytest.approx(discarded, rel=1e-4)


def test_strong_damping_gives_the_closed_form():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 16, 3, bias=False), correlated(6, 8, 8, 8)
    for refit in ("ridge", "whitened"):
        refitted = error(conv, Group(refit=refit, damping=1e12), x)
        assert refitted == pytest.approx(error(conv, Group(), x), rel=1e-4)


@pytest.mark.parametrize("refit", ["ridge", "whitened", "whitened-ridge"])
def test_what_is_exact_stays_exact(refit):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(6, 12, 3, padding=1), correlated(4, 6, 8, 8)
    scale = float(conv(x).detach().double().square().sum())
    exact = [Group(2, degree=100), SVD(1.0), Tucker2(1.0), Tucker2(1.0, coefficients="identity")]
    if refit == "ridge":
        exact += [SpatialSVD(1.0), Basis(1.0)]
    for method in exact:
        assert error(conv, method.with_settings(refit=refit), x) < 1e-10 * scale


def test_inputs_that_are_zero_leave_the_closed_form():
    conv = nn.Conv2d(8, 16, 3)
    nets = []
    for refit in ("none", "whitened-ridge"):
        net = nn.Sequential(nn.Identity(), nn.Conv2d(8, 16, 3))
        net[1].load_state_dict(conv.state_dict())
        x = torch.zeros(2, 8, 6, 6)
        nets.append(compress(net, Group(refit=refit), x, select=Select(), calibration=[x]))
    assert relative_error(nets[1][1].dense_weight(), nets[0][1].dense_weight()) < 1e-5


def test_patches_are_what_the_convolution_sees():
    for conv in conv_cases():
        x = torch.randn(2, conv.in_channels, 9, 10)
        spec, output = spec_of(conv, x), conv(x).detach()
        chosen = draw_positions(output, 7, torch.Generator())
        patches = patches_at(x, spec, chosen, output.shape[3])
        expected = at_positions(output if conv.bias is None else output - conv.bias[:, None, None], chosen)
        torch.testing.assert_close(patches @ conv.weight.flatten(1).double().T, expected.detach(), rtol=1e-4, atol=1e-5)


def test_positions_are_different_ones_and_all_where_there_are_few():
    chosen = draw_positions(torch.zeros(50, 1, 3, 4), 5, torch.Generator())
    assert chosen.shape == (50, 5)
    assert all(len(set(row)) == 5 for row in chosen.tolist())
    assert set(chosen.flatten().tolist()) == set(range(12))
    assert (
        draw_positions(torch.zeros(2, 1, 3, 4), 20, torch.Generator()).sort(1).values.tolist() == [list(range(12))] * 2
    )


def test_ridge_regression_solves_its_normal_equations():
    torch.manual_seed(0)
    x, y = torch.randn(30, 4).double(), torch.randn(30, 3).double()
    x[:, 3] = 1
    fitted = ridge(x.T @ x, y.T @ x, 0.1, free=1)
    strength = 0.1 * x[:, :3].square().sum(0).mean()
    gradient = (fitted @ x.T - y.T) @ x + fitted * torch.tensor([1.0, 1.0, 1.0, 0.0]) * strength
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0)


def test_a_refitted_model_is_saved_and_loaded(tmp_path):
    x = torch.randn(2, 3, 12, 12)
    net = compress(small_net(), Group(refit="ridge"), x, calibration=[x]).eval()
    again = load(save(net, tmp_path / "a.safetensors"), model=small_net(1))
    assert torch.equal(again(x), net(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(dtype):
    x = torch.randn(2, 3, 12, 12, dtype=dtype)
    net = compress(small_net().to(dtype), Group(refit="whitened-ridge"), x, calibration=[x])
    assert {p.dtype for p in net.parameters()} == {dtype}
    assert net(x).isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refit": "lasso"}, "refit is 'none' or 'ridge'"),
        ({"samples": 0}, "samples is at least 1"),
        ({"positions": 0}, "positions is at least 1"),
        ({"damping": 0.0}, "damping is positive"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    for method in (Group, SVD, SpatialSVD, Basis, Tucker2):
        with pytest.raises(SettingError, match=message):
            method(**settings)


@pytest.mark.parametrize("method", [SpatialSVD, Basis])
@pytest.mark.parametrize("refit", ["whitened", "whitened-ridge"])
def test_a_refit_without_a_closed_form_is_refused_with_those_there_are(method, refit):
    with pytest.raises(SettingError, match=rf"refit is 'none' or 'ridge', got '{refit}'"):
        method(refit=refit)


def test_a_refit_of_what_is_decomposed_later_or_has_no_weight_is_refused():
    with pytest.raises(SettingError, match="learn='arp' decomposes when training has ended"):
        Tucker2(learn="arp", refit="ridge")
    with pytest.raises(SettingError, match="no output to refit to; got refit='ridge'"):
        Basis(between="bn-relu", refit="ridge")


@pytest.mark.parametrize("method", [SpatialSVD(), Basis(), Basis(sharing="network"), *TUCKER], ids=str)
def test_every_convolution_of_a_network_is_refitted_and_loads_again(method, tmp_path):
    x = correlated(4, 3, 12, 12)
    refitted = method.with_settings(refit="ridge")
    net = compress(small_net(), refitted, x, calibration=[x], select=Select(), inefficient="replace").eval()
    closed = compress(small_net(), method, x, select=Select(), inefficient="replace").eval()
    expected = small_net()(x)
    assert (net(x) - expected).norm() < (closed(x) - expected).norm()
    again = load(save(net, tmp_path / "a.safetensors"), model=small_net(1))
    assert torch.equal(again(x), net(x))
    assert plan(small_net(), refitted, x).after == plan(small_net(), method, x).after
