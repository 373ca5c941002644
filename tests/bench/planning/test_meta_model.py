"""Models on the meta device: sizes without memory for weights."""

import pytest
import torch
import torchvision

from decompbench.bench.planning import meta_model
from decompbench.bench.planning.meta_model import build_on_meta, count_parameters, size_of, trace_model
from decompbench.methods import trace
from decompbench.models import list_models, load_model


def published(name):
    return torchvision.models.get_model_weights(name).DEFAULT.meta


def smallest_of_each_file():
    """Return, of each file of torchvision with classifiers, the model of the fewest parameters."""
    smallest = {}
    for name in sorted(
        torchvision.models.list_models(module=torchvision.models), key=lambda n: -published(n)["num_params"]
    ):
        smallest[torchvision.models.get_model_builder(name).__module__] = name
    return sorted(smallest.values())


@pytest.mark.parametrize(
    "name",
    sorted({
        *smallest_of_each_file(),
        "vgg16", "mobilenet_v3_small", "efficientnet_v2_s", "resnext50_32x4d", "vit_b_16", "vit_l_16", "swin_v2_t",
        "swin_s", "convnext_small", "regnet_y_400mf",  # the last computes its widths by tensors
    }),
)  # fmt: skip
def test_sizes_that_torchvision_publishes(name):
    (info,) = list_models(f"torchvision/{name}")
    size = size_of(info)
    counted = size["parameters"]
    if name == "googlenet":  # published without the heads for training only, which its parameters without a use are
        named = dict(build_on_meta(info.name, {}).named_parameters())
        counted -= sum(named[unused].numel() for unused in size["unused"])
    assert counted == published(name)["num_params"]
    side = torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    macs = size["macs"]
    if side != info.input_size[-1]:  # the published count is for the images that the weights were scored on
        macs = trace_model(info.name, {}, (3, side, side)).traced.macs
    assert macs == pytest.approx(1e9 * published(name)["_ops"], abs=0.6e6)  # billions with three decimals


def vit_macs(width, layers, patch, classes=1000, side=224, mlp=4, extra=1):
    """Return the MACs of a ViT: patches, then per layer four projections, two products of attention, and an MLP."""
    patches = (side // patch) ** 2
    tokens = patches + extra
    layer = tokens * (4 * width**2 + 2 * tokens * width + 2 * mlp * width**2)
    return patches * 3 * patch**2 * width + layers * layer + width * classes


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("torchvision/vit_b_16", vit_macs(768, 12, 16)),
        ("timm/vit_base_patch16_224", vit_macs(768, 12, 16)),
        ("timm/deit_base_patch16_224", vit_macs(768, 12, 16)),
        # a distillation token with a head of its own
        ("timm/deit_tiny_distilled_patch16_224", vit_macs(192, 12, 16, classes=2000, extra=2)),
        ("timm/deit3_small_patch16_224", vit_macs(384, 12, 16)),
    ],
)
def test_vision_transformers_count_as_by_hand(name, macs):
    assert vit_macs(768, 12, 16) == 17_563_828_224
    assert size_of(list_models(name)[0])["macs"] == macs


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("deit_base_patch16_224", 17.58),
        ("eva02_tiny_patch14_224", 1.70),
        ("swin_tiny_patch4_window7_224", 4.51),
        ("swinv2_tiny_window8_256", 5.96),
        ("maxvit_tiny_tf_224", 5.60),
        ("coatnet_0_rw_224", 4.43),
        ("cait_xxs24_224", 2.53),
        ("mixer_s32_224", 1.00),
        ("convnext_tiny", 4.47),
    ],
)
def test_timms_models_count_as_timm_publishes(name, billions):
    """``infer_gmacs`` of timm's results/benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv, norms counted in."""
    model, example = build_on_meta(f"timm/{name}", {}), torch.zeros(1, 3, 224, 224, device="meta")
    if name.endswith("256"):
        example = example.new_zeros(1, 3, 256, 256)
    assert trace(model, example).macs == pytest.approx(1e9 * billions, rel=0.01)


def test_parameters_without_a_use_are_listed():
    unused = size_of(list_models("torchvision/googlenet")[0])["unused"]
    assert {name.split(".")[0] for name in unused} == {"aux1", "aux2"}
    assert size_of(list_models("torchvision/resnet18")[0])["unused"] == []


def test_edsr_is_counted_for_an_output_of_1280x720():
    """43M parameters (li2019); its residual blocks do 32 · 1180k multiply-accumulates at each of 320x180 places."""
    size = size_of(list_models("edsr-r32f256x4")[0])
    assert round(size["parameters"] / 1e6) == 43
    upsampling = 9 * 256 * (1024 + 4 * 1024 + 16 * 3)
    assert size["macs"] == 320 * 180 * (32 * 1_179_648 + 9 * 256 * (3 + 256) + upsampling)


def test_a_model_without_memory_counts_as_the_one_with():
    assert count_parameters(build_on_meta("resnet20", {"in_chans": 1})) == sum(
        parameter.numel() for parameter in load_model("resnet20", in_chans=1).parameters()
    )
    assert next(build_on_meta("torchvision/regnet_y_400mf", {}).parameters()).device == torch.device("meta")


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("torchvision/ssd300_vgg16", "it does not take images of one size"),
        ("torchvision/vit_h_14", "Wrong image height"),  # its weights are for larger images than its default
    ],
)
def test_what_has_no_macs_says_why(name, note):
    size = size_of(list_models(name)[0])
    assert size["parameters"] > 1e7
    assert size["macs"] is None
    assert note in size["note"]


@pytest.mark.parametrize("name", ["resnet8", "densenet40", "edsr-r4f32x2", "vgg11-cifar"])
def test_a_trace_is_the_same_on_the_cpu_and_without_memory(name, monkeypatch):
    (info,) = list_models(name)
    size = (info.input_size[0], 24, 32) if name.startswith("edsr") else info.input_size
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    small = trace_model(name, {}, size)
    assert (torch.get_num_threads(), torch.equal(torch.get_rng_state(), state)) == (threads, True)
    monkeypatch.setattr(meta_model, "SMALL", 0)
    large = trace_model(name, {}, size)
    assert small.traced == large.traced
    assert {parameter.device.type for model in (small.model, large.model) for parameter in model.parameters()} == {
        "meta"
    }
