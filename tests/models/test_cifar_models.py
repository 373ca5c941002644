"""VGG, DenseNets and ImageNet's ResNets for small images: shapes, keys, and what they are made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from decompbench.models import load_model
from decompbench.models.networks.densenet_cifar import BottleneckLayer, CifarDenseNet, DenseLayer
from decompbench.models.networks.resnet_imagenet_cifar import Bottleneck

from .counting import on_meta

NAMES = ("vgg16-cifar", "resnet18-cifar", "resnet50-cifar", "densenet40", "densenet121-cifar")


@pytest.mark.parametrize("name", NAMES)
def test_channels_classes_and_larger_images(name: str) -> None:
    model = on_meta(name, in_chans=1, num_classes=7)
    for side in (32, 40):
        assert model(torch.rand(2, 1, side, side, device="meta")).shape == (2, 7)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_rebuilt_from_its_reference(name: str) -> None:
    model = on_meta(name, num_classes=3)
    assert model.decompbench_ref == {"name": name, "kwargs": {"num_classes": 3}}


@pytest.mark.parametrize(
    ("name", "library", "missing"),
    [
        ("resnet18-cifar", "resnet18", set()),
        ("resnet50-cifar", "resnet50", set()),
        ("densenet121-cifar", "densenet121", {"features.norm0"}),
        ("vgg16-cifar", "vgg16_bn", {"classifier.0", "classifier.3", "classifier.6"}),
    ],
)
def test_keys_are_torchvisions(name: str, library: str, missing: set[str]) -> None:
    """Same keys, and same shapes but for the stem and the classifier; and what only torchvision has."""
    ours, theirs = on_meta(name).state_dict(), on_meta(f"torchvision/{library}").state_dict()
    stem_and_head = ("conv1.", "features.conv0.", "fc.", "classifier.")
    for key, tensor in ours.items():
        if not key.startswith(stem_and_head):
            assert theirs[key].shape == tensor.shape, key
    assert {key.rpartition(".")[0] for key in theirs.keys() - ours.keys()} == missing


def test_output_is_that_of_torchvisions_resnet_behind_the_same_stem() -> None:
    """An independent implementation: torchvision's with its stem exchanged, weights copied."""
    ours, theirs = load_model("resnet18-cifar").eval(), load_model("torchvision/resnet18", num_classes=10).eval()
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    for buffer in (b for name, b in ours.named_buffers() if "running" in name):
        buffer.uniform_(0.5, 1.5)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_strides_are_on_the_bottlenecks_3x3() -> None:
    block = on_meta("resnet50-cifar").get_submodule("layer2.0")
    assert isinstance(block, Bottleneck)
    assert [conv.stride for conv in (block.conv1, block.conv2, block.conv3)] == [(1, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize("kind", [DenseLayer, BottleneckLayer])
def test_a_dense_layer_keeps_its_input_and_adds_growth_channels(kind: type[nn.Module]) -> None:
    x = torch.rand(2, 6, 5, 5)
    y = kind(6, 4)(x)
    assert y.shape == (2, 10, 5, 5)
    assert torch.equal(y[:, :6], x)


def test_transitions_divide_channels_and_halve_the_image() -> None:
    x = torch.rand(1, 3, 8, 8)
    model = CifarDenseNet((2, 2), growth=3, stem=6, bottleneck=False, reduction=2).eval()
    seen = {}
    for name in ("denseblock1", "transition1", "denseblock2"):
        model.get_submodule(f"features.{name}").register_forward_hook(
            lambda _, __, output, name=name: seen.update({name: output.shape[1:]})
        )
    model(x)
    assert seen == {"denseblock1": (12, 8, 8), "transition1": (6, 4, 4), "denseblock2": (12, 4, 4)}


def test_vgg_pools_five_times_and_averages_the_rest() -> None:
    model = load_model("vgg11-cifar").eval()
    x = torch.rand(1, 3, 64, 32)
    features = model.get_submodule("features")(x)
    assert features.shape == (1, 512, 2, 1)
    torch.testing.assert_close(
        model(x), F.linear(features.mean((2, 3)), *model.get_submodule("classifier").parameters())
    )
