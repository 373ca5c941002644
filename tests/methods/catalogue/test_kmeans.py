"""Kernel clustering: scales and signs, codebooks, symmetries, quantised scales, shared convolutions, published size."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn

from decompbench.methods import KMeans, SettingError, compress, count_stored, load, plan, save
from decompbench.methods.catalogue.kmeans.method import normalised_kernels
from decompbench.methods.numerics.quantisation import from_steps, to_steps
from decompbench.models import load_model

from ..cases import SmallNet, compressed, relative_error, small_net, spec_of

EXAMPLE = torch.randn(2, 3, 12, 12)


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


@pytest.mark.parametrize("symmetry", ["i", "D4"])
def test_zero_kernels_stay_zero(symmetry):
    conv = torch.nn.Conv2d(4, 6, 3)
    with torch.no_grad():
        conv.weight[2] = 0
    layer = compressed(conv, KMeans(clusters=3, symmetry=symmetry), torch.randn(1, 4, 8, 8))
    assert (layer.dense_weight()[2] == 0).all()
    with torch.no_grad():
        conv.weight.zero_()
    layer = compressed(conv, KMeans(clusters=3, symmetry=symmetry), torch.randn(1, 4, 8, 8))
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


@pytest.mark.parametrize(
    ("codebook", "groups"),
    [
        ("layer", [["stem"], ["stage1.0.0"], ["stage1.1.0"], ["stage2.0.0"], ["stage2.1.0"], ["depthwise"]]),
        ("group", [["stem", "depthwise"], ["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"]]),
        (r"stage\d", [["stem"], ["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"], ["depthwise"]]),
        ("network", [["stem", "stage1.0.0", "stage1.1.0", "stage2.0.0", "stage2.1.0", "depthwise"]]),
    ],
)
def test_codebooks(codebook, groups):
    todo = plan(small_net(), KMeans(3, codebook), EXAMPLE)
    assert [list(group.paths) for group in todo.groups] == groups
    net = compress(small_net(), KMeans(3, codebook), EXAMPLE)
    books = {id(module.codebook) for module in net.modules() if hasattr(module, "codebook")}
    assert len(books) == len(groups)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clusters": 0}, "at least 1, got 0"),
        ({"codebook": "netwrok("}, "regular expression"),
        ({"symmetry": "d4"}, "'i' or 'ih' or 'ihvo' or 'D4', got 'd4'"),
        ({"scale_bits": 1}, "16, or 2 to 8, got 1"),
        ({"scale_bits": 12}, "got 12"),
        ({"init": "kmeans++"}, "'random' or 'k-means\\+\\+'"),
        ({"inits": 0}, "got 0"),
        ({"tolerance": -1}, "got -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        KMeans(**settings)
    with pytest.raises(SettingError, match="netwrok"):
        plan(small_net(), KMeans(codebook="netwrok"), EXAMPLE)


def test_vgg16_has_the_published_size():
    with torch.device("meta"):
        net, example = load_model("vgg16-cifar"), torch.zeros(1, 3, 32, 32)
    todo = plan(net, KMeans(clusters=256), example)
    assert todo.before.weights == 14_710_464
    # son2018: 2cn + Kk², and c·n·(16 + log2 K) + 32·K·k² bits
    assert todo.after.weights == 3_271_296
    assert todo.after.bits == (16 + 8) * 14_710_464 // 9 + 32 * 256 * 9


@pytest.mark.parametrize(("symmetry", "order"), [("i", 1), ("ih", 2), ("ihvo", 4), ("D4", 8)])
@pytest.mark.parametrize("clusters", [3, 64])
def test_an_index_counts_its_centroid_and_its_symmetry(symmetry, order, clusters):
    cost = KMeans(clusters, symmetry=symmetry).layer_cost(spec_of(nn.Conv2d(8, 16, 3), torch.randn(1, 8, 8, 8)))
    assert cost.weights == 2 * 8 * 16 + clusters * 9
    assert cost.bits == 8 * 16 * (16 + math.ceil(math.log2(clusters * order))) + 32 * clusters * 9


def test_symmetries_lower_the_error():
    errors = []
    for symmetry in ("i", "ih", "ihvo", "D4"):
        conv = nn.Conv2d(32, 32, 3, bias=False)
        nn.init.normal_(conv.weight, generator=torch.Generator().manual_seed(0))
        layer = compressed(conv, KMeans(16, symmetry=symmetry), torch.randn(1, 32, 8, 8))
        errors.append(relative_error(layer.dense_weight(), conv.weight))
    assert errors == sorted(errors, reverse=True)


def test_a_layer_reads_images_of_its_centroids():
    conv = nn.Conv2d(4, 6, 3)
    layer = compressed(conv, KMeans(2, symmetry="ihvo"), torch.randn(1, 4, 8, 8))
    centroids, scale = layer.codebook.detach(), layer.scale.detach()
    for o in range(6):
        for i in range(4):
            centroid, image = divmod(int(layer.index[o, i]), 4)
            flips = ((), (1,), (0,), (0, 1))[image]
            torch.testing.assert_close(layer.dense_weight()[o, i], scale[o, i] * centroids[centroid].flip(flips))


def test_kernels_that_are_not_square_have_no_symmetries():
    spec = spec_of(nn.Conv2d(8, 16, (3, 1)), torch.randn(1, 8, 8, 8))
    assert KMeans(symmetry="D4").layer_cost(spec) == KMeans().layer_cost(spec)
    net = compress(nn.Sequential(nn.Conv2d(8, 16, (3, 1))), KMeans(4, symmetry="D4"), torch.randn(1, 8, 8, 8))
    assert net[0].symmetry == "i"


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_scales_end_on_the_multiples_of_a_step(bits):
    net = nn.Sequential(nn.Conv2d(4, 6, 3))
    with torch.no_grad():
        net[0].weight[1] = 0
    fine = compressed(net[0], KMeans(8), torch.randn(1, 4, 8, 8)).scale.detach()
    layer = compress(net, KMeans(8, scale_bits=bits), torch.randn(1, 4, 8, 8))[0]
    multiples = layer._scales() / layer.step
    torch.testing.assert_close(multiples, multiples.round())
    assert multiples.abs().max() == 2 ** (bits - 1) - 1
    assert (layer._scales() - fine).abs().max() <= layer.step * 0.5001
    assert (layer._scales()[1] == 0).all()
    assert not layer.scale.is_floating_point()


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20),
    bits=st.integers(2, 8),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_steps_are_the_nearest_and_keep_zero(values, bits, dtype):
    tensor = torch.tensor(values, dtype=dtype)
    codes, step = to_steps(tensor, bits)
    assert codes.max() <= 2**bits - 2
    back = from_steps(codes, step, bits)
    assert (back - tensor).abs().max() <= step * 0.5001
    assert (back[tensor == 0] == 0).all()


@pytest.mark.parametrize(
    "method",
    [
        KMeans(1),
        KMeans(20),
        KMeans(20, scale_bits=4),
        KMeans(5, symmetry="D4", scale_bits=3),
        KMeans(50, symmetry="D4"),
    ],
    ids=str,
)
def test_the_file_holds_the_bits_that_are_counted(method, tmp_path):
    net = compress(small_net(), method, EXAMPLE)
    path = save(net, tmp_path / "small.safetensors")
    dense = sum(t.nbytes for name, t in net.state_dict().items() if not name.endswith(("scale", "index", "codebook")))
    dense -= net.pointwise.weight.nbytes
    with safe_open(path, "pt") as file:
        stored = sum(file.get_tensor(name).nbytes for name in file.keys())  # noqa: SIM118 - not a mapping
    steps = sum(module.step.nbytes for module in net.modules() if hasattr(module, "step"))
    counted = count_stored(net).bits / 8
    # whole bytes for each of 12 tensors
    assert counted <= stored - (dense - steps) < counted + 12
    again = load(path, model=SmallNet())
    assert torch.equal(again(EXAMPLE), net.eval()(EXAMPLE))
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), net.state_dict().values(), strict=True))


def shared_by_loops(layer, groups):
    """Count the multiplications of shared convolutions one kernel at a time."""
    index = layer.index
    block = index.shape[0] // groups
    outputs = sum(len(set(row.tolist())) for row in index)
    inputs = 0
    for group in range(groups):
        for i in range(index.shape[1]):
            inputs += len(set(index[group * block : (group + 1) * block, i].tolist()))
    return min(outputs, inputs)


@pytest.mark.parametrize(("c", "n", "groups"), [(8, 4, 1), (4, 24, 1), (8, 24, 2)])
@pytest.mark.parametrize("symmetry", ["i", "D4"])
def test_shared_convolutions_against_plain_loops(c, n, groups, symmetry):
    conv = nn.Conv2d(c, n, 3, stride=2, groups=groups)
    layer = compressed(conv, KMeans(3, symmetry=symmetry), torch.randn(2, c, 9, 11))
    assert layer.shared_macs() == 4 * 5 * 9 * shared_by_loops(layer, groups)
    assert layer.shared_macs() < layer.spec.cost.macs


def test_one_cluster_shares_every_convolution_of_an_input():
    layer = compressed(nn.Conv2d(6, 10, 3), KMeans(1), torch.randn(1, 6, 8, 8))
    assert layer.shared_macs() == 6 * 6 * 9 * min(6, 10)
