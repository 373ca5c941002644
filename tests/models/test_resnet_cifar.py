"""CIFAR ResNets: published sizes, keys, shortcuts, and published weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from decompbench.models import load_model
from decompbench.models.networks.resnet_cifar import PadShortcut, PoolShortcut


@pytest.mark.parametrize(
    ("depth", "parameters"), [(8, 75_290), (20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018)]
)
def test_parameters(depth: int, parameters: int) -> None:
    model = load_model(f"resnet{depth}")
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_conv_weights_of_resnet56() -> None:
    """848,304 is the count of li2019's table 6."""
    convs = [module for module in load_model("resnet56").modules() if isinstance(module, nn.Conv2d)]
    assert sum(conv.weight.numel() for conv in convs) == 848_304
    assert len(convs) == 55


@pytest.mark.parametrize("side", [28, 32, 33])
def test_output_and_channels(side: int) -> None:
    model = load_model("resnet8", in_chans=1, num_classes=7)
    assert model(torch.rand(2, 1, side, side)).shape == (2, 7)


def test_shortcut_takes_every_second_pixel_and_pads_channels() -> None:
    x = torch.rand(2, 4, 5, 6)
    y = PadShortcut(4, 10)(x)
    assert y.shape == (2, 10, 3, 3)
    assert torch.equal(y[:, 3:7], x[:, :, ::2, ::2])
    assert not y[:, :3].any()
    assert not y[:, 7:].any()


def test_shortcut_of_li2019_takes_the_mean_of_four_pixels_and_pads_channels() -> None:
    x = torch.rand(2, 4, 6, 7)
    y = PoolShortcut(4, 8)(x)
    assert y.shape == (2, 8, 3, 4)
    torch.testing.assert_close(y[:, 2:6, :, :3], x[..., :6].unflatten(3, (3, 2)).unflatten(2, (3, 2)).mean((3, 5)))
    torch.testing.assert_close(y[:, 2:6, :, 3], x[..., 6].unflatten(2, (3, 2)).mean(3))
    assert not y[:, :2].any()
    assert not y[:, 6:].any()


@pytest.mark.parametrize("side", [28, 32, 33])
def test_shortcuts_are_an_option_that_changes_no_weight(side: int) -> None:
    plain, pooled = load_model("resnet8").eval(), load_model("resnet8", shortcut="A-pool").eval()
    pooled.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, side, side)
    assert pooled(x).shape == (2, 10)
    assert not torch.allclose(pooled(x), plain(x))
    assert [type(block.shortcut).__name__ for block in pooled.layer2] == ["PoolShortcut"]
    assert pooled.decompbench_ref == {"name": "resnet8", "kwargs": {"shortcut": "A-pool"}}


def test_block_is_relu_of_residual_plus_shortcut() -> None:
    model = load_model("resnet8").eval()
    block = model.get_submodule("layer2.0")
    x = torch.rand(1, 16, 8, 8)
    weights = dict(block.named_parameters())
    out = F.conv2d(x, weights["conv1.weight"], stride=2, padding=1)
    out = F.relu(block.get_submodule("bn1")(out))
    out = block.get_submodule("bn2")(F.conv2d(out, weights["conv2.weight"], padding=1))
    expected = F.relu(out + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 8, 8)))
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_published_weights_fit(shared, depth: int) -> None:
    path = shared(f"weights/resnet{depth}-cifar10.safetensors")
    model = load_model(f"resnet{depth}", pretrained=path)
    state = model.state_dict()
    for key, tensor in load_file(path).items():
        assert torch.equal(state[key], tensor), key
    assert {key for key in state if "num_batches" not in key} == set(load_file(path))
