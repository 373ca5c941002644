"""The dense models' sizes as the papers publish them, exactly where they can be known exactly."""

from __future__ import annotations

import pytest

from .counting import conv_weights, linear_weights, on_meta, parameters, state

#: yang2020, table 2, "before compression", with batch-norm statistics: there in millions with two decimals.
STATE = {
    "resnet18-cifar": 11_183_562,  # 11.18M
    "resnet34-cifar": 21_299_146,  # 21.30M
    "resnet50-cifar": 23_573_962,  # 23.57M
    "resnet101-cifar": 42_618_314,  # printed as 42.61M, which is not rounded but cut off
    "densenet121-cifar": 7_039_818,  # 7.04M
}


def test_ssd300_with_batch_norm() -> None:
    """26.32M (yang2020, table 4); 26,285,486 of it are the known count of SSD300 for VOC without batch-norm."""
    model = on_meta("ssd300-bn")
    norms = [module for module in model.modules() if type(module).__name__ == "BatchNorm2d"]
    assert state(model) == 26_285_486 + sum(4 * norm.num_features for norm in norms) == 26_318_254


@pytest.mark.parametrize(("name", "count"), STATE.items())
def test_state(name: str, count: int) -> None:
    assert state(on_meta(name)) == count


def test_vgg16_has_13_convs_with_biases_and_one_linear() -> None:
    model = on_meta("vgg16-cifar")
    assert conv_weights(model) == 14_710_464
    convs = [module for module in model.modules() if type(module).__name__ == "Conv2d"]
    assert len(convs) == 13
    assert all(conv.bias is not None for conv in convs)
    assert linear_weights(model) == 512 * 10


@pytest.mark.parametrize(("name", "millions"), [("densenet40", 1.0), ("densenet100", 7.0)])
def test_densenets_without_bottleneck(name: str, millions: float) -> None:
    """Huang et al. 2017, table 2: DenseNet with growth 12."""
    assert parameters(on_meta(name)) == pytest.approx(1e6 * millions, abs=1e5)


def test_densenet40_as_li2019_counts_it() -> None:
    """1041k, convs and linear."""
    model = on_meta("densenet40")
    assert conv_weights(model) + linear_weights(model) == 1_040_568


def test_srresnet() -> None:
    """1.5 million parameters; a residual block's two convs hold 74k weights (li2019, table 2)."""
    model = on_meta("srresnet-x4")
    assert parameters(model) == pytest.approx(1.5e6, abs=0.5e5)
    assert conv_weights(model.get_submodule("body.0")) == 2 * 64 * 64 * 9
    assert sum(type(module).__name__ == "ResidualBlock" for module in model.modules()) == 16


def test_edsr_in_full() -> None:
    """43 million parameters at scale 4; 1180k weights a block (li2019, tables 1 and 3)."""
    model = on_meta("edsr-r32f256x4")
    assert parameters(model) == pytest.approx(43e6, abs=0.5e6)
    assert conv_weights(model.get_submodule("body.0")) == 1_179_648
