"""Verbs that are told what is compressed: convolutions, or linear layers, too."""

import json

import pytest

from ..factories import decompbench, suite_content, write_suite

HEAD = 64 * 10


def test_compress_takes_linear_layers_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["compress", "resnet8", "--method", "svd", "--params", "0.3", "-o", "small.safetensors", "--json"]
    conv, both = (json.loads(decompbench(*arguments, *more).stdout) for more in ([], ["--layers", "conv+linear"]))
    assert len(both["layers"]) == len(conv["layers"]) + 1
    assert both["layers"][-1]["note"].startswith("classifier")
    assert both["plan"]["scope"]["layers"] == "conv+linear"
    assert (conv["plan"]["version"], both["plan"]["version"]) == (1, 2)
    wrong = decompbench(*arguments, "--layers", "conv+linear", "--split", "*.qkv=3")
    assert wrong.returncode != 0
    assert "matches no linear layer" in wrong.stderr


def test_a_suite_is_planned_as_if_it_were_about_linear_layers(tmp_path):
    suite = write_suite(tmp_path, suite_content())
    conv, both = (
        json.loads(decompbench("plan", suite, "--json", *more).stdout) for more in ([], ["--layers", "conv+linear"])
    )
    for one, other in zip(conv, both, strict=True):
        assert other["size"]["dense_weights"] == one["size"]["dense_weights"] + HEAD
    shown = decompbench("plan", suite, "--layers", "conv+linear").stdout
    assert "conv+linear" in shown


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("svd", "takes convolutions and linear layers (these where asked: layers: conv+linear)"),
        ("kmeans", "takes convolutions and transposed convolutions\n"),
        ("dense", "takes no layers"),
    ],
)
def test_a_method_says_what_it_takes(method, text):
    assert text in decompbench("methods", method).stdout


def test_a_sweep_takes_linear_layers_when_asked():
    arguments = ["sweep", "--model", "resnet10t", "--method", "svd", "--format", "json"]
    conv, both = (
        json.loads(decompbench(*arguments, *more).stdout)["models"][0] for more in ([], ["--layers", "conv+linear"])
    )
    assert both["weights"] == conv["weights"] + 512 * 1000
    assert both["methods"][0]["status"] == "ok"
    assert both["methods"][0]["compressed"] == conv["methods"][0]["compressed"]  # the classifier is left alone
