"""Attributes of replacements: a network that reads those of a convolution in its forward finds them."""

import pytest
import torch
from torch import nn

from decompbench.methods import compress, deploy, get_method, list_methods, plan

from ..cases import relative_error

GEOMETRY = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
X = torch.randn(1, 3, 9, 9)


class Reader(nn.Module):
    """Looks at a convolution's dtype and stride, as EdgeNeXt's position encoding does."""

    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3, stride=2, padding=1)

    def forward(self, x):
        y = self.stem(x.to(self.conv.weight.dtype))
        return self.conv(y) * self.conv.stride[0]


class ReaderOfGeometry(Reader):
    """Looks at a convolution's stride alone."""

    def forward(self, x):
        return self.conv(self.stem(x)) * self.conv.stride[0]


@pytest.mark.parametrize("name", [name for name in list_methods() if get_method(name).kind == "weight-space"])
def test_the_weight_read_is_the_dense_weight(name):
    net = compress(Reader(), get_method(name), X).eval()
    assert type(net.conv) is not nn.Conv2d
    assert net.conv.weight.shape == (32, 16, 3, 3)
    assert torch.equal(net.conv.weight, net.conv.dense_weight())
    assert "conv.weight" not in net.state_dict()
    assert relative_error(deploy(net, X)(X), net(X)) < 1e-5


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "dense"])
def test_the_geometry_read_is_the_convolutions(name):
    net, conv = compress(ReaderOfGeometry(), get_method(name), X), Reader().conv
    assert type(net.conv) is not nn.Conv2d
    assert all(getattr(net.conv, attribute) == getattr(conv, attribute) for attribute in GEOMETRY)


def test_what_a_layer_does_not_have_is_still_an_error():
    net = compress(ReaderOfGeometry(), get_method("factor"), X)
    for name in ("weight", "colour"):
        with pytest.raises(AttributeError, match=name):
            getattr(net.conv, name)


def test_a_layer_whose_weight_is_looked_at_is_not_given_to_a_method_that_leaves_none():
    todo = plan(Reader(), get_method("factor"), X)
    assert "read outside the layer, and factor leaves it none" in todo.layers[1].reason
