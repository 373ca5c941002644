"""Models on the meta device: sizes without memory for weights."""

import pytest
import torch
import torchvision

from decompbench.bench.planning import meta_model
from decompbench.bench.planning.meta_model import build_on_meta, count_parameters, size_of, trace_model
from decompbench.models import list_models, load_model


@pytest.mark.parametrize(
    "name",
    ["resnet18", "vgg16", "densenet121", "mobilenet_v2", "regnet_y_400mf"],  # the last computes its widths by tensors
)
def test_sizes_that_torchvision_publishes(name):
    size = size_of(list_models(f"torchvision/{name}")[0])
    published = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert size["parameters"] == published["num_params"]
    assert size["macs"] == pytest.approx(1e9 * published["_ops"], abs=0.6e6)


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
