"""The benchmarks of single layers: what they run, what they are called, and the table made of them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest
import torch

from tests.places import ROOT

MICRO = ROOT / "benchmarks" / "micro"
REPORT = runpy.run_path(str(MICRO / "report.py"))


@pytest.fixture
def layers():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield runpy.run_path(str(MICRO / "test_layers.py"))
    torch.set_num_threads(before)


class Once:
    """Stands for pytest-benchmark's fixture, and calls what it is given once."""

    def __init__(self) -> None:
        self.group, self.extra_info, self.result = "", {}, None

    def __call__(self, function):
        self.result = function()

    def pedantic(self, function, setup, **rounds):
        arguments, options = setup()
        self.result = function(*arguments, **options)


@pytest.mark.parametrize("method", ["dense", "svd"])
def test_each_kind_of_work_runs_and_names_its_group(layers, method):
    layer = layers["Layer"](8, 12, 3, 6)
    compress, forward, step = Once(), Once(), Once()
    layers["test_compress"](compress, layer, method)
    layers["test_forward"](forward, layer, 2, method)
    layers["test_train_step"](step, layer, 2, method)
    expected = layer.conv()(layer.input(2)) if method == "dense" else None
    assert forward.result.shape == (2, 12, 6, 6)
    if expected is not None:
        assert torch.allclose(forward.result, expected, atol=1e-5)
    assert compress.group == "compress: 8-12-3x3-6px"
    assert forward.group == "deployed forward, batch 2: 8-12-3x3-6px"
    assert step.extra_info == {"table": "train step, batch 2", "layer": "8-12-3x3-6px", "method": method}


def test_a_method_that_skips_the_layer_is_skipped_with_its_reason(layers):
    with pytest.raises(pytest.skip.Exception, match="kmeans: 1×1 convolution"):
        layers["test_forward"](Once(), layers["Layer"](8, 12, 1, 6), 1, "kmeans")


def test_names_are_stable(layers):
    (mark,) = layers["test_forward"].pytestmark
    assert "64-64-3x3-56px-batch1-dense" in mark.kwargs["ids"]
    _, points = mark.args
    groups = [point[:-1] for point in points]  # a plugin's method may be called anything
    assert groups == sorted(groups, key=groups.index), "the methods of a group come one after the other"


def measured(*times: tuple[str, str, str, float]) -> dict:
    return {
        "revision": "abc123", "budget": "params=30%", "load": {"before": 1.25, "after": 0.5},
        "machine_info": {"machine": "box", "cores": 2, "torch": "2.15.0", "threads": 1},
        "benchmarks": [
            {"extra_info": {"table": table, "layer": layer, "method": method}, "stats": {"median": seconds}}
            for table, layer, method, seconds in times
        ],
    }  # fmt: skip


def test_the_table_has_medians_and_ratios_to_the_dense_layer_of_the_group():
    text = REPORT["to_markdown"](
        measured(
            ("forward", "big", "svd", 0.002),
            ("forward", "big", "dense", 0.004),
            ("forward", "small", "dense", 0.001),
            ("compress", "big", "svd", 0.1),
        )
    )
    head, forward, compress = text.split("\n\n")
    assert "abc123" in head
    assert "2.15.0" in head
    assert "load 1.2 before and 0.5 after" in head
    assert forward.splitlines() == [
        "| forward | big | small |",
        "|---|---:|---:|",
        "| dense | 4.00 (1.00) | 1.00 (1.00) |",
        "| svd | 2.00 (0.500) |  |",
    ]
    assert compress.splitlines()[-1] == "| svd | 100 |"


@pytest.mark.parametrize("content", ["{}", "no json", None])
def test_a_file_of_another_kind_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content)
    done = subprocess.run([sys.executable, MICRO / "report.py", path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_normal_run_of_the_tests_leaves_them_out(pytestconfig):
    assert json.dumps(pytestconfig.getini("testpaths")) == '["tests"]'
