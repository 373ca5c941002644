"""The sizes li2019 publishes for its networks, from shapes alone, and one of these networks as a model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from decompbench.methods import SVD, Basis, ConvSpec, Cost, Factor, Method, Select, begin, count_stored, plan

VGG16 = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def spec(c: int, n: int, path: str) -> ConvSpec:
    """Return the spec of a 3×3 convolution that has no weights."""
    return ConvSpec.of(nn.Conv2d(c, n, 3, padding=1, bias=False, device="meta"), path)


def weights(method: Method, specs: list[ConvSpec]) -> int:
    """Return the conv weights that ``method`` makes of ``specs``, what is shared counted once."""
    total = Cost(0, 0, 0)
    for group in method.share(specs):
        costs, shared = method.group_costs(group)
        total = Cost.total([total, *costs, shared])
    return total.weights


def vgg16_weights(method: Method) -> int:
    """Return the conv weights of VGG-16 with all convs but the first three replaced."""
    channels = zip((3, *VGG16), VGG16, strict=False)
    specs = [spec(c, n, f"features.{i}") for i, (c, n) in enumerate(channels)]
    return sum(one.weights for one in specs[:3]) + weights(method, specs[3:])


def block_weights(method: Method, channels: int) -> int:
    """Return the conv weights of a residual block of two convolutions."""
    return weights(method, [spec(channels, channels, f"body.0.conv{i}") for i in (1, 2)])


def test_vgg16():
    assert vgg16_weights(Basis(size=128, split=128, between="bn-relu")) == 3_208_896
    assert vgg16_weights(Factor(norm="both", bias="always")) == 3_338_944


@pytest.mark.parametrize(("m", "apart", "shared"), [(16, 51_200, 41_984)])
def test_edsr_of_four_splits(m, apart, shared):
    # eq. 6; table 1 prints 27k and 17k, which leave out a factor s
    assert block_weights(Basis(size=m, split=64), 256) == apart
    assert block_weights(Basis(size=m, split=64, sharing="block"), 256) == shared


def test_edsr():
    assert block_weights(Basis(size=32, split=256), 256) == 163_840
    assert block_weights(Basis(size=32, split=256, sharing="block"), 256) == 90_112


@pytest.mark.parametrize(("channels", "m", "published"), [(64, 14, 17_920), (64, 32, 40_960)])
def test_srresnet_and_edsr_8_128(channels, m, published):
    assert block_weights(Basis(size=m, split=channels, between="bn-prelu"), channels) == published


@pytest.mark.parametrize(("channels", "stacks", "published"), [(64, 2, 18_688), (64, 3, 28_032), (256, 1, 135_680)])
def test_factorised_super_resolution(channels, stacks, published):
    assert block_weights(Factor(stacks, bias="always"), channels) == published


def test_factorised_resnet56():
    widths = [16] * 19 + [32] * 18 + [64] * 18
    channels = zip((3, *widths), widths, strict=False)
    stem, *rest = [spec(c, n, f"conv{i}") for i, (c, n) in enumerate(channels)]
    assert stem.weights + sum(one.weights for one in rest) == 848_304
    assert stem.weights + weights(Factor(bias="never"), rest) == 222_992


class DenseNet(nn.Module):
    """DenseNet-12-40 for 32×32 images: three blocks of twelve 3×3 convs, two 1×1 transitions, no conv biases."""

    def __init__(self, growth: int = 12, layers: int = 12) -> None:
        super().__init__()
        channels = 2 * growth
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        for stage in range(3):
            block = nn.ModuleList()
            for _ in range(layers):
                block.append(
                    nn.Sequential(
                        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, growth, 3, padding=1, bias=False)
                    )
                )
                channels += growth
            self.blocks.append(block)
            if stage < 2:
                norm, conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 1, bias=False)
                self.transitions.append(nn.Sequential(norm, nn.ReLU(), conv, nn.AvgPool2d(2)))
        self.norm, self.fc = nn.BatchNorm2d(channels), nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage, block in enumerate(self.blocks):
            for layer in block:  # pyright: ignore[reportGeneralTypeIssues]
                x = torch.cat((x, layer(x)), dim=1)
            if stage < len(self.transitions):
                x = self.transitions[stage](x)
        return self.fc(self.norm(x).relu().mean((2, 3)))


BLOCKS = Select(include=("blocks.*",))


def densenet_plan(net, method, **overrides):
    return plan(net, method, torch.zeros(1, 3, 32, 32), select=BLOCKS, overrides=overrides)


def densenet_basis(size):
    return Basis(size=size, sharing="network", sliced=True, projection_kernel=3, between="bn-relu")


@pytest.fixture(scope="module")
def densenet():
    torch.manual_seed(0)
    return DenseNet().eval()


def test_densenet_dense(densenet):
    todo = densenet_plan(densenet, Basis(size=1, sliced=True))
    assert todo.before.weights + densenet.fc.weight.numel() == 1_040_568


@pytest.mark.parametrize(
    ("size", "factor", "published"),
    [(24, 1, 319_992), (26, 1, 335_760), (32, 1, 383_064), (36, 6, 330_888), (38, 12, 325_728)],
    ids=["M24", "M26", "M32", "M36T6", "M38T12"],
)
def test_densenet(densenet, size, factor, published):
    transitions = {"transitions.*": SVD(1 / factor)} if factor > 1 else {}
    todo = densenet_plan(densenet, densenet_basis(size), **transitions)
    assert todo.after.weights + densenet.fc.weight.numel() == published
    assert sum(layer.group is not None for layer in todo.layers) == 36 + 2 * (factor > 1)


def test_factorised_densenet(densenet):
    todo = densenet_plan(densenet, Factor(norm="depthwise", change="first"))
    assert todo.after.weights + densenet.fc.weight.numel() == 316_752


def test_densenet_holds_one_basis_of_its_widest_layer():
    torch.manual_seed(0)
    net = DenseNet().eval()
    todo = densenet_plan(net, densenet_basis(24), **{"transitions.*": SVD(1 / 6)})
    small = begin(net, todo).finish()
    bases = {
        id(module.basis.weight): module.basis.weight.shape for module in small.modules() if hasattr(module, "basis")
    }
    assert list(bases.values()) == [(24, 444, 3, 3)]
    assert count_stored(small).weights == todo.after.weights
    assert small(torch.randn(2, 3, 32, 32)).shape == (2, 10)
