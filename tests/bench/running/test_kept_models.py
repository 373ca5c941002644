"""Kept models: ``run --keep-models`` writes what its records are of, and ``figure images`` shows what they make."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from decompbench.bench.base.errors import BenchError
from decompbench.bench.measure import state_sha256
from decompbench.bench.records.find import find_records
from decompbench.bench.running.kept_models import keep_model, load_kept, model_file
from decompbench.methods import SVD, compress
from decompbench.models import load_model

from ..factories import decompbench, write_suite

KEY = "0123456789abcdef" * 4


def small_model():
    return compress(load_model("edsr-r1f8x2"), SVD(0.5), torch.rand(1, 3, 8, 8)).eval()


def test_a_model_is_found_by_its_record_s_key_and_checked(tmp_path):
    model, x = small_model(), torch.rand(1, 3, 8, 8)
    file = model_file(tmp_path, "edsr/sr:a -> sr:b/svd/params=30%/seed0", KEY)
    assert file.name == f"edsr_sr_a_-_sr_b_svd_params=30%_seed0--{KEY}.safetensors"
    assert keep_model(model, file) == f"its model is kept in {file}"
    found = load_kept(tmp_path, KEY, state_sha256(model))
    assert found is not None
    assert torch.equal(found(x), model(x))
    assert load_kept(tmp_path, "f" * 64, None) is None
    with pytest.raises(BenchError, match="another model than its record is of"):
        load_kept(tmp_path, KEY, "f" * 64)


def test_the_longest_name_is_one_that_a_file_can_have(tmp_path):
    file = model_file(tmp_path, "ä/" * 400, KEY)
    file.touch()
    assert len(file.name) < 230


def test_a_damaged_file_and_a_model_that_cannot_be_kept_are_said(tmp_path):
    model_file(tmp_path, "x", KEY).write_bytes(b"no tensors")
    with pytest.raises(BenchError, match="cannot read"):
        load_kept(tmp_path, KEY, None)
    assert "its model is not kept: cannot write" in keep_model(nn.Linear(2, 2), tmp_path / "nowhere" / "x")


def pictures(folder, count, side):
    folder.mkdir()
    random = np.random.default_rng(side)
    for number in range(count):
        Image.fromarray(random.integers(256, size=(side, side, 3), dtype=np.uint8)).save(folder / f"p{number}.png")


def test_a_run_keeps_the_models_of_its_records_and_images_are_drawn_from_them(tmp_path):
    pictures(tmp_path / "train", 2, 70)
    pictures(tmp_path / "first", 2, 40)
    entry = {
        "model": "edsr-r1f8x2",
        "task": "super_resolution",
        "task_options": {"patch_size": 12, "patches_per_epoch": 8, "example_size": 24, "rgb_border": 8},
        "data": "sr:train -> sr:first",
        "methods": [{"name": "svd", "rank": 0.5}],
        "recipe": {"batch_size": 4},
        "measure": {"batch_sizes": [1], "seconds": 0.1, "threads": 1},
    }
    suite = write_suite(tmp_path, {"name": "enlarged", "entries": [entry]})
    results, kept = tmp_path / "results", tmp_path / "kept"
    run = decompbench("run", suite, "--keep-models", kept, results=results)
    assert run.returncode == 0, run.stdout + run.stderr
    records, _ = find_records(results)
    assert len(records) == 2
    for record in records:
        assert load_kept(kept, record.key, record.measured.state_sha256) is not None
        assert "psnr_rgb[first]" in record.measured.quality["finished"]

    again = decompbench("run", suite, "--keep-models", tmp_path / "new", results=results)
    assert f"2 trials done before left no model in {tmp_path / 'new'}: --redo all makes them anew" in again.stderr

    drawn = decompbench(
        "figure", "images", suite, "--models", kept, "--image", "p1", "--crop", "4,6,20", "--pictures",
        tmp_path / "whole", "-o", tmp_path / "x.svg", results=results,
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    assert b"</svg>" in (tmp_path / "x.svg").read_bytes()
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert names == {f"p1-x2-{label}.png" for label in ("ground_truth", "bicubic", "dense", "svd_rank=0.5")}
    truth = np.asarray(Image.open(tmp_path / "whole" / "p1-x2-ground_truth.png"))
    assert np.array_equal(truth, np.asarray(Image.open(tmp_path / "first" / "p1.png")))
