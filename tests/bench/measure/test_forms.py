"""Every form computes what the eager model does; one that cannot be had is refused in words."""

import importlib.util
import shutil

import pytest
import torch
from torch import nn

from decompbench.bench.measure import forms
from decompbench.bench.measure.forms import layout_of, prepare, require
from decompbench.bench.suite.form_name import FormError, check_form

EXAMPLE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval()


def output_of(form):
    model = small_net()
    with torch.inference_mode():
        output = prepare(model, EXAMPLE, form)()
        output = torch.as_tensor(output[0]) if isinstance(output, list) else output
        return output, model(EXAMPLE), model


@pytest.mark.parametrize("form", ["eager", "channels_last"])
def test_forms_of_full_precision_give_the_models_output(form):
    output, expected, model = output_of(form)
    torch.testing.assert_close(output, expected)
    assert output.is_contiguous(memory_format=layout_of(form))
    assert model[0].weight.is_contiguous()


def test_bf16_rounds_and_leaves_the_model_as_it_was():
    output, expected, model = output_of("bf16+channels_last")
    assert output.dtype == torch.bfloat16
    assert 0 < (output.float() - expected).abs().max() < 0.05
    assert model[0].weight.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_model_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    output, expected, _ = output_of("compile")
    torch.testing.assert_close(output, expected)


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="the extra 'onnx' is not installed")
def test_onnx_runtime_gives_the_same():
    output, expected, _ = output_of("onnx")
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


def test_parts_come_in_one_order():
    assert check_form("compile + bf16+channels_last") == "channels_last+bf16+compile"
    assert check_form("eager") == "eager"


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("chanels_last", "did you mean 'channels_last'"),
        ("eager+bf16", "there is no 'eager'"),
        ("bf16+bf16", "twice"),
        ("compile+cudagraph", "do not go together"),
        ("onnx+bf16", "'onnx' alone"),
        ("", "there is no ''"),
    ],
)
def test_names_that_cannot_be_are_refused(form, message):
    with pytest.raises(FormError, match=message):
        check_form(form)


def test_what_this_machine_lacks_is_named(monkeypatch):
    monkeypatch.setattr(forms.shutil, "which", lambda name: None)
    monkeypatch.setattr(forms.importlib.util, "find_spec", lambda name: None)
    for form, device, message in (
        ("compile", "cpu", "C\\+\\+ compiler"),
        ("cudagraph", "cpu", "GPUs"),
        ("onnx", "cpu", "decompbench\\[onnx\\]"),
        ("onnx", "cuda", "CPU only"),
    ):
        with pytest.raises(FormError, match=message):
            require(form, device)


def test_a_model_that_cannot_be_compiled_is_told_in_one_line(monkeypatch):
    def broken(model, **_):
        def call(x):
            raise RuntimeError("cannot lower this\nby far")

        return call

    monkeypatch.setattr(forms.torch, "compile", broken)
    monkeypatch.setattr(forms.shutil, "which", lambda name: "/usr/bin/g++")
    with pytest.raises(FormError, match=r"cannot lower this$"):
        prepare(small_net(), EXAMPLE, "compile")
