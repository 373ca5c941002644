"""Factorised convolutions: the papers' variants, the residual rule, and 1×1 convolutions that see a window."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from decompbench.methods import Factor, SettingError, get_method
from decompbench.methods.catalogue.factor.layers import WindowedPointwise, grid_shape, window_index, window_size
from decompbench.methods.catalogue.factor.method import RESIDUAL_SCALE

from ..cases import compressed, conv_cases, relative_error, spec_of
from ..variants import CHECKS, check_storage

VARIANTS = {
    "plain": Factor(),
    "vgg": Factor(norm="both", bias="always"),
    "resnet": Factor(bias="never"),
    "densenet": Factor(norm="depthwise", change="first"),
    "sr": Factor(3, bias="always"),
    "srresnet": Factor(2, bias="always", activation="prelu"),
    "windowed": Factor(norm="both", bias="always", window=2),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_variant(name, check):
    check(VARIANTS[name])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_stored(name, tmp_path):
    check_storage(VARIANTS[name], tmp_path / "small.safetensors")


@pytest.mark.parametrize("name", VARIANTS)
def test_output_has_the_shape_of_the_convolutions(name):
    for conv in conv_cases()[::2]:
        x = torch.randn(2, conv.in_channels, 9, 10)
        assert compressed(conv, VARIANTS[name], x)(x).shape == conv(x).shape, conv


@pytest.mark.parametrize(
    ("change", "channels"), [("last", [(6, 6), (6, 6), (6, 10)]), ("first", [(6, 10), (10, 10), (10, 10)])]
)
def test_one_sic_changes_the_channels_and_the_first_has_the_stride(change, channels):
    conv = nn.Conv2d(6, 10, 3, stride=2, padding=1)
    layer = compressed(conv, Factor(3, change=change), torch.randn(1, 6, 9, 9))
    assert [(sic.pointwise.in_channels, sic.pointwise.out_channels) for sic in layer.sics()] == channels
    assert [sic.depthwise.stride for sic in layer.sics()] == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("conv", "residual"),
    [
        (nn.Conv2d(6, 6, 3, padding=1), [True, True]),
        (nn.Conv2d(6, 6, 3, stride=2, padding=1), [False, True]),
        (nn.Conv2d(6, 10, 3, padding=1), [True, False]),
        (nn.Conv2d(6, 6, 3), [False, True]),  # without padding the size shrinks
        (nn.Conv2d(6, 6, 3, padding=2, dilation=2), [True, True]),
    ],
    ids=str,
)
def test_the_input_is_added_where_channels_and_size_stay(conv, residual):
    x = torch.randn(2, 6, 9, 9)
    layer = compressed(conv, Factor(), x)
    assert [sic.residual for sic in layer.sics()] == residual
    for sic, added in zip(layer.sics(), residual, strict=True):
        nn.init.zeros_(sic.pointwise.weight)
        y = sic(x)
        torch.testing.assert_close(y, x.clamp(min=0) if added else torch.zeros_like(y))
        x = y


@pytest.mark.parametrize(("norm", "count"), [("none", 0), ("depthwise", 2), ("both", 4)])
def test_batch_norm_is_where_it_is_asked_for(norm, count):
    layer = compressed(nn.Conv2d(4, 6, 3, padding=1), Factor(norm=norm), torch.randn(1, 4, 8, 8))
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == count
    # after the depthwise its channels, after the 1×1 the output's
    assert [one.num_features for one in norms] == {0: [], 2: [4, 4], 4: [4, 4, 4, 6]}[count]


def test_each_sic_has_a_slope_of_its_own_that_is_no_weight():
    x = torch.randn(2, 6, 9, 9)
    layer = compressed(nn.Conv2d(6, 6, 3, padding=1), Factor(2, activation="prelu"), x)
    slopes = [module.weight for module in layer.modules() if isinstance(module, nn.PReLU)]
    assert len(slopes) == 2
    assert not {id(slope) for slope in slopes} & {id(tensor) for tensor, _ in layer.weight_tensors()}
    first = layer.sics()[0]
    nn.init.zeros_(first.pointwise.weight)
    torch.testing.assert_close(first(x), torch.where(x > 0, x, 0.25 * x))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("setting", "expected"), [("conv", None), ("always", True), ("never", False)])
def test_biases(setting, expected, bias):
    conv = nn.Conv2d(4, 6, 3, padding=1, bias=bias)
    layer = compressed(conv, Factor(bias=setting), torch.randn(1, 4, 8, 8))
    wanted = bias if expected is None else expected
    assert [sic.pointwise.bias is not None for sic in layer.sics()] == [wanted] * 2
    assert all(sic.depthwise.bias is None for sic in layer.sics())


def test_layers_start_from_he_with_residual_ones_smaller():
    conv = nn.Conv2d(4, 6, 3, padding=1)
    layer = compressed(conv, Factor(), torch.randn(1, 4, 8, 8))
    generator = torch.Generator().manual_seed(0)
    for sic in layer.sics():
        for conv, gain in ((sic.depthwise, "linear"), (sic.pointwise, "relu")):
            expected = nn.init.kaiming_normal_(torch.empty_like(conv.weight), nonlinearity=gain, generator=generator)
            scale = RESIDUAL_SCALE if sic.residual and conv is sic.pointwise else 1
            assert torch.equal(conv.weight, scale * expected)
    assert [sic.residual for sic in layer.sics()] == [True, False]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"norm": "bn"}, "norm is 'none' or 'depthwise' or 'both', got 'bn'"),
        ({"bias": "yes"}, "bias is 'conv' or 'always' or 'never', got 'yes'"),
        ({"change": "middle"}, "change is 'last' or 'first', got 'middle'"),
        ({"activation": "gelu"}, "activation is 'relu' or 'prelu', got 'gelu'"),
        ({"window": 0}, "window is at least 1 or None, got 0"),
    ],
)
def test_bad_settings(bad, message):
    with pytest.raises(SettingError, match=message):
        Factor(**bad)
    with pytest.raises(SettingError):
        get_method("factor", **bad)


# -- topological subdivisioning ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(a=st.integers(1, 60), b=st.integers(1, 60), window=st.integers(1, 9))
def test_windows_are_whole_and_cover_every_input(a, b, window):
    index = window_index(a, b, window)
    assert index.shape == (b, window_size(a, window))
    assert all(len(set(row.tolist())) == len(row) for row in index)
    assert 0 <= int(index.min()) <= int(index.max()) < a
    if b >= a:  # around every input channel there is a window
        assert set(index.flatten().tolist()) == set(range(a))


def test_windows_are_neighbours_on_a_closed_grid():
    assert grid_shape(12) == (3, 4)
    # 0 1 2 3 / 4 5 6 7 / 8 9 10 11
    index = window_index(12, 12, 3)
    assert sorted(index[5].tolist()) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert sorted(index[0].tolist()) == [0, 1, 3, 4, 5, 7, 8, 9, 11]
    # twice the outputs: two have each window; half of them: every other one
    assert torch.equal(window_index(12, 24, 3)[10], index[5])
    assert torch.equal(window_index(12, 6, 3), index[::2])


def test_an_output_depends_on_its_window_alone():
    layer = WindowedPointwise(12, 8, 2, bias=True)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(1, 12, 1, 1, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x).flatten(), x).flatten(1)
    mask = torch.zeros(8, 12).scatter_(1, layer.index, 1.0)
    assert torch.equal(jacobian != 0, mask.bool())
    for form in (layer.masked(), layer.gathered()):
        torch.testing.assert_close(form(x), layer(x))


def test_windows_cost_their_entries_only():
    spec = spec_of(nn.Conv2d(16, 32, 3, padding=1), torch.randn(1, 16, 8, 8))
    cost = Factor(stacks=2, window=3).layer_cost(spec)
    assert cost.weights == (16 * 9 + 16 * 9) + (16 * 9 + 32 * 9)
    assert cost.macs == 64 * cost.weights


def test_a_window_as_large_as_the_grid_is_no_window():
    conv = nn.Conv2d(12, 12, 3, padding=1)
    x = torch.randn(2, 12, 8, 8)
    plain, windowed = (compressed(conv, Factor(window=window), x) for window in (None, 12))
    assert relative_error(windowed(x), plain(x)) == 0
    assert set(windowed.forms()) == {"compact"}
    assert set(compressed(conv, Factor(window=2), x).forms()) == {"masked"}
