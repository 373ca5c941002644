"""SVD beside a residual: the identity and a matrix of low rank, as in li2019's compressed transitions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from decompbench.methods import SVD, SettingError, Skip, compress, load, plan, save
from decompbench.methods.catalogue.svd import ResidualFactoredConv2d
from decompbench.models import load_model

from ..cases import compressed, conv_cases, relative_error, spec_of

KEEPING = [
    nn.Conv2d(6, 6, 1),
    nn.Conv2d(6, 6, 3, padding=1, bias=False),
    nn.Conv2d(6, 6, 3, padding=2, dilation=2),
    nn.Conv2d(6, 6, (1, 5), padding=(0, 2), padding_mode="reflect"),
    nn.Conv2d(6, 6, (2, 4), padding="same"),
]


@pytest.mark.parametrize("conv", KEEPING, ids=str)
@pytest.mark.parametrize("rank", [0.3, 1.0])
def test_the_layer_is_a_low_rank_matrix_and_the_identity(conv, rank):
    x = torch.randn(2, 6, 9, 10)
    layer = compressed(conv, SVD(rank, residual=True), x)
    assert isinstance(layer, ResidualFactoredConv2d)
    torch.testing.assert_close(layer(x), layer.second(layer.first(x)) + x)
    for form in layer.forms().values():
        assert relative_error(form(x), layer(x)) < 1e-5
    if rank == 1:
        assert relative_error(layer(x), conv(x)) < 1e-5


@pytest.mark.parametrize("kept", [1, 4, 9])
def test_the_error_is_that_of_the_discarded_singular_values_of_the_weight_less_the_identity(kept):
    conv = nn.Conv2d(12, 12, 1)
    with torch.no_grad():
        conv.weight += torch.eye(12)[:, :, None, None]
    layer = compressed(conv, SVD(kept / 12, residual=True), torch.randn(1, 12, 8, 8))
    discarded = torch.linalg.svdvals(conv.weight.detach().double().flatten(1) - torch.eye(12))[kept:]
    error = (layer.dense_weight() - conv.weight).double().square().sum()
    assert error.item() == pytest.approx(float(discarded.square().sum()), rel=1e-5)
    # what is near the identity needs fewer directions beside it than without it
    plain = compressed(conv, SVD(kept / 12), torch.randn(1, 12, 8, 8))
    assert error < (plain.dense_weight() - conv.weight).square().sum()


def test_it_costs_what_it_costs_without():
    for conv in KEEPING:
        spec = spec_of(conv, torch.randn(1, 6, 9, 10))
        assert SVD(0.5, residual=True).layer_cost(spec) == SVD(0.5).layer_cost(spec)


def test_layers_that_change_channels_or_size_are_left_alone():
    changing = [conv for conv in conv_cases() if conv.in_channels != conv.out_channels or max(conv.stride) > 1]
    changing += [nn.Conv2d(6, 6, 3), nn.Conv2d(6, 6, 2, padding=1), nn.Conv2d(6, 6, 3, padding=2)]
    changing += [nn.Conv2d(6, 6, 2, padding="same", dilation=2)]  # its taps lie on either side of the output's place
    for conv in changing:
        skip = SVD(residual=True).layer_cost(spec_of(conv, torch.randn(1, conv.in_channels, 9, 10)))
        assert isinstance(skip, Skip), conv
        assert "gives its input back" in skip.reason


def test_a_refit_is_refused():
    with pytest.raises(SettingError, match="refit is 'none', got 'ridge'"):
        SVD(residual=True, refit="ridge")


def test_a_transition_pools_the_sum(tmp_path):
    """li2019's T6: ``pool(W₂W₁x + x)`` with ``c/6`` channels between."""
    net = load_model("densenet40").eval()
    example = torch.randn(2, 3, 32, 32)
    method = SVD(1 / 6, residual=True)
    replaced = [layer.path for layer in plan(net, method, example).layers if layer.group is not None]
    assert replaced == ["features.transition1.conv", "features.transition2.conv"]
    small = compress(net, method, example)
    transition = small.features.transition1
    assert isinstance(transition.conv, ResidualFactoredConv2d)
    assert transition.conv.first.out_channels == 168 // 6
    x = torch.randn(2, 168, 8, 8)
    z = F.relu(transition.norm(x))
    expected = F.avg_pool2d(transition.conv.second(transition.conv.first(z)) + z, 2)
    torch.testing.assert_close(transition(x), expected)
    again = load(save(small, tmp_path / "small.safetensors"))
    assert torch.equal(again(example), small(example))
