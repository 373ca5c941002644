"""The class of a replacement: an instance of the convolution's class, for networks, compilers, copies and pickles."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, KMeans, Select, compress, get_method, list_methods
from decompbench.methods.contract.layers import CompressedConv2d

from .networks import Net, X, conv

ONLY_B = {"select": Select(include=("b",)), "inefficient": "replace"}


def by_class(net, x):
    for layer in net.children():
        if isinstance(layer, nn.Conv2d):
            x = layer(x)
    return x


@pytest.mark.parametrize("name", [name for name in list_methods() if get_method(name).kind == "weight-space"])
def test_a_layer_that_is_equal_to_a_convolution_is_one(name):
    layer = compress(Net(by_class), get_method(name), X, **ONLY_B).b
    assert isinstance(layer, nn.Conv2d)
    assert isinstance(layer, CompressedConv2d)
    assert not isinstance(layer, nn.ConvTranspose2d)
    assert type(layer).__name__ in repr(layer)
    assert not layer.transposed
    assert layer.output_padding == (0, 0)


def test_one_that_is_not_is_none():
    small = compress(Net(), get_method("factor"), X, **ONLY_B)
    assert not isinstance(small.b, nn.Conv2d)


def test_a_transposed_one_is_transposed():
    net = Net(b=nn.ConvTranspose2d(8, 8, 3, padding=1))
    small = compress(net, KMeans(clusters=4), X, **ONLY_B)
    assert isinstance(small.b, CompressedConv2d)
    assert isinstance(small.b, nn.ConvTranspose2d)
    assert not isinstance(small.b, nn.Conv2d)


def saved_whole(net):
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "made",
    [
        copy.deepcopy,
        lambda net: pickle.loads(pickle.dumps(net)),
        saved_whole,
        lambda net: torch.jit.trace(net, X),
        lambda net: torch.fx.symbolic_trace(net),
        lambda net: torch.compile(net, backend="eager"),
        lambda net: torch.export.export(net, (X,), strict=True).module(),
        lambda net: torch.export.export(net, (X,), strict=False).module(),
    ],
    ids=["copy", "pickle", "save", "jit", "fx", "compile", "strict export", "export"],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_tools_see_the_class_that_the_network_sees(made):
    small = compress(Net(by_class), SVD(0.3), X, **ONLY_B).eval()
    torch.testing.assert_close(made(small)(X), small(X))


def test_a_copy_is_still_both():
    layer = copy.deepcopy(compress(Net(), SVD(0.3), X, **ONLY_B).b)
    assert isinstance(layer, nn.Conv2d)
    assert isinstance(layer, CompressedConv2d)


def test_its_weight_cannot_be_drawn_anew_nor_set():
    layer = compress(Net(), SVD(0.3), X, **ONLY_B).b
    assert not hasattr(layer, "reset_parameters")
    with pytest.raises(KeyError):
        layer.weight = nn.Parameter(conv(8).weight.detach())
