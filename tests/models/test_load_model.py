"""The loader: names, keyword arguments, references, and what it says to wrong ones."""

from __future__ import annotations

import json

import pytest
import torch
import torchvision

from decompbench.models import ModelSettingError, UnknownModelError, WeightsError, list_models, load_model
from decompbench.models.registry import FAMILIES, OWN

WRONG_NAMES = {
    "resnet18": ["6k+2", "'resnet14' or 'resnet20'", "'torchvision/resnet18'", "'timm/resnet18'", "'resnet18-cifar'"],
    "resnet50": ["'resnet44' or 'resnet56'", "'torchvision/resnet50'", "'timm/resnet50'", "'resnet50-cifar'"],
    "resnet19": ["6k+2", "'resnet14' or 'resnet20'", "'resnet18-cifar'"],
    "resnet49": ["'resnet44' or 'resnet56'"],  # not resnet50, which is refused as well
    "resnet51": ["'resnet44' or 'resnet56'"],
    "resnet20-cifar": ["'resnet18-cifar'", "'resnet20'"],
    "resnet18-cifar10": ["'resnet18-cifar'"],
    "vgg16": ["'vgg16-cifar'", "'torchvision/vgg16'"],
    "vgg15-cifar": ["'vgg16-cifar'"],
    "densenet41": ["'densenet40'"],
    "densenet121": ["'densenet121-cifar'", "'torchvision/densenet121'"],
    "ssd300": ["'ssd300-bn'", "'torchvision/ssd300_vgg16'"],
    "srresnet": ["'srresnet-x4'"],
    "srresnet-x5": ["'srresnet-x4'"],
    "resnet2": ["6k+2", "'resnet8'"],
    "resnet08": ["6k+2", "'resnet8'"],
    "resnt20": ["resnet20"],
    "edsr-r4f32x5": ["2, 3 or 4, not 5", "edsr-r4f32x2"],
    "edsr-r0f32x2": ["edsr-r<blocks>f<features>x<scale>"],
    "edsr": ["edsr-r4f32x2"],
    "timm/resnt18": ["'timm/resnet18'"],
    "timm/resnet18.nope": ["no tag 'nope'", "a1_in1k, a2_in1k"],
    "timm/resnet18.a1_in1": ["'timm/resnet18.a1_in1k'"],
    "torchvision/resnet19": ["'torchvision/resnet18'"],
    "mobilenet_v2": ["'torchvision/mobilenet_v2'"],
    "": ["resnet{6k+2}"],
}


@pytest.mark.parametrize(("name", "parts"), WRONG_NAMES.items(), ids=WRONG_NAMES)
def test_wrong_names_get_the_rule_or_the_nearest(name: str, parts: list[str]) -> None:
    with pytest.raises(UnknownModelError) as caught:
        load_model(name)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kwargs", "part"),
    [
        ("resnet8", {"in_chan": 1}, "'in_chans'"),
        ("resnet8", {"in_chans": 0}, "positive"),
        ("resnet8", {"num_classes": True}, "positive"),
        ("edsr-r1f4x2", {"num_classes": 10}, "in_chans, res_scale"),
        ("srresnet-x2", {"blocks": 0}, "positive"),
        ("vgg16-cifar", {"in_chan": 1}, "'in_chans'"),
        ("resnet18-cifar", {"num_classes": 0}, "positive"),
        ("densenet40", {"growth": 24}, "in_chans, num_classes"),
        ("resnet20", {"shortcut": "B"}, "shortcut is 'A' or 'A-pool', not 'B'"),
        ("srresnet-x2", {"tail_kernel": 5}, "tail_kernel is 9 or 3, not 5"),
        ("srresnet-x2", {"tail_kernel": 9.0}, "not 9.0"),
        ("timm/resnet18", {"in_chanss": 1}, "in_chanss"),
        ("torchvision/resnet18", {"in_chans": 1}, "3 input channels"),
        ("resnet8", {"in_chans": torch.tensor(1)}, "JSON"),
    ],
)
def test_wrong_keyword_arguments(name: str, kwargs: dict, part: str) -> None:
    with pytest.raises(ModelSettingError, match=part):
        load_model(name, **kwargs)


@pytest.mark.parametrize(
    ("name", "kwargs", "shape"),
    [
        ("timm/resnet18", {"in_chans": 1, "num_classes": 5}, (1, 1, 64, 64)),
        ("torchvision/squeezenet1_1", {"num_classes": 5}, (1, 3, 64, 64)),
        ("torchvision/squeezenet1_1", {"in_chans": 3, "num_classes": 5}, (1, 3, 64, 64)),
    ],
)
def test_models_of_the_libraries(name: str, kwargs: dict, shape: tuple[int, ...]) -> None:
    assert load_model(name, **kwargs).eval()(torch.rand(shape)).shape == (1, 5)


def test_reference_rebuilds_the_model() -> None:
    model = load_model("resnet8", in_chans=1)
    reference = json.loads(json.dumps(model.decompbench_ref))
    assert reference == {"name": "resnet8", "kwargs": {"in_chans": 1}}
    again = load_model(reference["name"], **reference["kwargs"])
    assert [key for key, _ in again.named_parameters()] == [key for key, _ in model.named_parameters()]


def test_weights_come_from_the_global_generator() -> None:
    torch.manual_seed(3)
    first = load_model("resnet8").state_dict()
    torch.manual_seed(3)
    second = load_model("resnet8").state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_papers_networks_are_listed() -> None:
    papers = {
        "li2019": {"vgg16-cifar", "resnet56", "densenet40", "srresnet-x4", "edsr-r32f256x4", "edsr-r8f128x4"},
        "yu2021": {"resnet32", "resnet56", "resnet110"},
        "yang2020": {f"resnet{depth}-cifar" for depth in (18, 34, 50, 101)} | {"densenet121-cifar", "ssd300-bn"},
    }
    assert set().union(*papers.values()) <= {info.name for info in list_models()}


@pytest.mark.parametrize(
    ("pattern", "name", "size"),
    [
        ("resnet2*", "resnet20", (3, 32, 32)),
        ("edsr*x3", "edsr-r16f64x3", (3, 240, 426)),
        ("edsr-r5f48x2", "edsr-r5f48x2", (3, 360, 640)),
        ("ssd*", "ssd300-bn", (3, 300, 300)),
        ("timm/resnet18*", "timm/resnet18d", (3, 224, 224)),
        ("timm/resnet18.a1_in1k", "timm/resnet18.a1_in1k", (3, 224, 224)),
        ("torchvision/incep*", "torchvision/inception_v3", (3, 299, 299)),
        ("torchvision/fcn*", "torchvision/fcn_resnet50", (3, 520, 520)),
        ("torchvision/fasterrcnn*", "torchvision/fasterrcnn_resnet50_fpn", None),
    ],
)
def test_lists_by_pattern_know_the_input(pattern: str, name: str, size) -> None:
    assert {info.name: info.input_size for info in list_models(pattern)}[name] == size


@pytest.mark.parametrize(("pattern", "hint"), [("resnt*", "'resnet8'"), ("timm/resnt18", "'timm/resnet18'")])
def test_patterns_that_match_nothing(pattern: str, hint: str) -> None:
    with pytest.raises(UnknownModelError, match=hint):
        list_models(pattern)


def test_a_detectors_backbone_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **kwargs: pytest.fail("downloads weights"))
    with torch.device("meta"):
        load_model("torchvision/fasterrcnn_mobilenet_v3_large_320_fpn")


@pytest.mark.parametrize(
    ("name", "sha"), [(True, "11ad3fa6"), ("IMAGENET1K_V1", "0676ba61"), ("IMAGENET1K_V2", "11ad3fa6")]
)
def test_torchvisions_weights_are_taken_by_their_names(name, sha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits are those of the published files, ``resnet50-0676ba61.pth`` having the 76.13 % of 2016."""
    asked = []
    with torch.device("meta"):
        state = load_model("torchvision/resnet50").state_dict()
    monkeypatch.setattr(
        torchvision.models._api, "load_state_dict_from_url", lambda url, *args, **kwargs: asked.append(url) or state
    )
    with torch.device("meta"):
        load_model("torchvision/resnet50", pretrained=name)
    assert [url.rpartition("/")[2] for url in asked] == [f"resnet50-{sha}.pth"]


def test_a_wrong_name_of_torchvisions_weights_gets_those_there_are() -> None:
    with pytest.raises(WeightsError, match=r"IMAGENET1K_V1, IMAGENET1K_V2, .* Did you mean 'IMAGENET1K_V2'"):
        load_model("torchvision/resnet50", pretrained="IMAGENET_V2")
    with pytest.raises(WeightsError, match="weights of the tag"):
        load_model("timm/resnet50", pretrained="IMAGENET1K_V1")
    with pytest.raises(UnknownModelError, match="torchvision has no model 'resnet51'"):
        load_model("torchvision/resnet51", pretrained="IMAGENET1K_V1")


@pytest.mark.parametrize("family", OWN, ids=lambda family: family.example)
def test_every_suggested_name_loads_and_belongs_to_one_family(family) -> None:
    assert family.example in family.names()
    for name in family.names():
        assert [other for other in FAMILIES if other.claims(name)] == [family]
        with torch.device("meta"):
            load_model(name)


def test_packaged_weights_load_by_data_or_alone() -> None:
    by_data = load_model("resnet8", pretrained="fashion-mnist-10k")
    alone = load_model("resnet8", pretrained=True)
    assert alone.decompbench_ref == {"name": "resnet8", "kwargs": {"in_chans": 1, "num_classes": 10}}
    for (key, first), second in zip(by_data.state_dict().items(), alone.state_dict().values(), strict=True):
        assert torch.equal(first, second), key


def test_packaged_weights_with_other_channels_name_the_misfit() -> None:
    with pytest.raises(WeightsError, match=r"conv1\.weight \(file \(16, 1, 3, 3\), model \(16, 3, 3, 3\)\)"):
        load_model("resnet8", pretrained=True, in_chans=3)


def test_model_without_packaged_weights_lists_what_there_is() -> None:
    with pytest.raises(WeightsError, match="resnet8 on fashion-mnist-10k") as caught:
        load_model("resnet14", pretrained=True)
    assert "edsr-r4f32x2 on photographs" in str(caught.value)
