"""Drop-in layers: the rest of the model stays, and a new layer is used as the convolution was."""

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, begin, compress, deploy, get_method, list_methods, load, plan, save, trace

from ..cases import SmallNet, relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)


class CalledByKeyword(nn.Module):
    """Names the argument of every layer, as torch's documentation of them does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.fc = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 12, 3), nn.Linear(12, 5)

    def forward(self, x):
        return self.fc(input=self.conv(input=self.stem(input=x)).mean((2, 3)))


def test_layers_called_by_keyword_are_traced():
    net = CalledByKeyword()
    traced = trace(net, EXAMPLE)
    assert [spec.output_size for spec in traced.specs] == [(10, 10), (8, 8)]
    assert traced.linear_macs == 12 * 5


@pytest.mark.parametrize("name", list_methods())
def test_layers_called_by_keyword_are_compressed_and_deployed(name):
    small = compress(CalledByKeyword(), get_method(name), EXAMPLE).eval()
    assert relative_error(deploy(small, EXAMPLE)(EXAMPLE), small(EXAMPLE)) < 1e-5


@pytest.mark.parametrize("name", list_methods())
def test_global_random_numbers_are_left_alone(name, tmp_path):
    net, empty = small_net(), SmallNet()
    state = torch.get_rng_state()
    session = begin(net, plan(net, get_method(name), EXAMPLE))
    session.penalty()
    small = session.finish().eval()
    deploy(small, EXAMPLE)
    load(save(small, tmp_path / "small.safetensors"), model=empty)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_weight_and_bias_are_frozen_apart(frozen):
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3))
    net.get_parameter(f"1.{frozen}").requires_grad_(False)
    layer = compress(net, SVD(0.3), EXAMPLE).get_submodule("1")
    assert layer.second.bias.requires_grad == (frozen == "weight")
    assert layer.second.weight.requires_grad == layer.first.weight.requires_grad == (frozen == "bias")
