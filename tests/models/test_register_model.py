"""Models of plugins: registered by a name that is free, then loaded and listed like ours."""

import pytest
from torch import nn

from decompbench.models import (
    ModelNameError,
    ModelSettingError,
    UnknownModelError,
    list_models,
    load_model,
    plugin_module,
    register_model,
    registry,
)


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(registry, "_of_plugins", {})


def small(in_chans: int = 3, num_classes: int = 10) -> nn.Module:
    return nn.Sequential(nn.Conv2d(in_chans, num_classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_a_function_or_a_class_is_loaded_by_its_name():
    assert register_model("my-net", image=(1, 8, 8), source="a paper")(small) is small

    @register_model("my-other-net")
    class Other(nn.Sequential):
        def __init__(self, num_classes: int = 10) -> None:
            super().__init__(nn.Flatten(), nn.Linear(4, num_classes))

    model = load_model("my-net", in_chans=1)
    assert model[0].weight.shape == (10, 1, 3, 3)
    assert model.decompbench_ref == {"name": "my-net", "kwargs": {"in_chans": 1}}
    assert isinstance(load_model("my-other-net"), Other)
    (info,) = list_models("my-net")
    assert (info.input_size, info.source, info.kwargs) == ((1, 8, 8), "a paper", {"in_chans": 3, "num_classes": 10})
    assert {"my-net", "my-other-net"} <= {info.name for info in list_models()}
    assert (plugin_module("my-net"), plugin_module("resnet20")) == (__name__, None)


def test_mistakes_are_told_as_for_our_own():
    register_model("my-net")(small)
    with pytest.raises(ModelSettingError, match=r"my-net takes no 'in_chan' .*'in_chans'"):
        load_model("my-net", in_chan=1)
    with pytest.raises(UnknownModelError, match="did you mean 'my-net'"):
        load_model("my-nett")


@pytest.mark.parametrize("name", ["resnet20", "resnet7", "timm/resnet18"])
def test_names_of_ours_and_of_libraries_are_taken(name):
    with pytest.raises(ModelNameError, match=f"cannot be called '{name}'"):
        register_model(name)(small)


def test_a_name_is_one_network_s():
    register_model("my-net")(small)
    register_model("my-net")(small)
    with pytest.raises(ModelNameError, match=r"taken by .*test_register_model\.small"):
        register_model("my-net")(lambda in_chans=3: nn.Identity())


def test_parameters_without_a_default_are_refused():
    with pytest.raises(ModelNameError, match="width has none"):
        register_model("my-net")(lambda width, in_chans=3: nn.Identity())
