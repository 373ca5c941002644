"""``decompbench latency`` times several methods on one model, and refuses what makes no sense."""

import json

import pytest

from ..factories import decompbench

QUICK = ("latency", "resnet8", "--size", "16x16", "--seconds", "0.3")


def test_methods_are_timed_beside_the_dense_model():
    done = decompbench(*QUICK, "--method", "svd", "--method", "tucker2", "--macs", "0.5", "--batch", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["shape"] == [2, 3, 16, 16]
    dense, *others = found["rows"]
    assert (dense["method"], dense["ratio"]) == ("dense", 1.0)
    assert [row["method"] for row in others] == ["svd", "tucker2"]
    for row in others:
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert 30 < row["macs_percent"] <= 50


def test_a_table_for_people_has_the_settings_below():
    done = decompbench(*QUICK, "--method", "svd", "--threads", "1")
    assert "ratio to dense" in done.stdout
    assert "resnet8, 1×3×16×16, eager, cpu, 1 thread;" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "svd", "--params", "0.5", "--macs", "0.5"), "give one budget"),
        (("--method", "svd", "--method", "svd"), "named twice"),
        (("--method", "dense"), "always there"),
        (("--method", "svd", "--form", "bf15"), "did you mean 'bf16'"),
        (("--method", "svd", "--form", "cudagraph"), "for GPUs"),
        (("--method", "svdd"), "'svdd'"),
        (("--method", "svd", "--device", "gpu"), "must be cpu"),
    ],
)
def test_what_makes_no_sense_is_one_message(arguments, message):
    done = decompbench(*QUICK, *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
