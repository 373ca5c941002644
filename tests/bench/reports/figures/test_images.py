"""The figure of images: what each kept model makes of a test image, whole and as crops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from decompbench.bench.base.errors import BenchError
from decompbench.bench.measure import state_sha256
from decompbench.bench.reports.figures import draw_images, save
from decompbench.bench.reports.figures.pictures.draw import MOST_PICTURES
from decompbench.bench.reports.figures.pictures.scene import Picture, Scene, make_scene, write_pictures
from decompbench.bench.running.kept_models import keep_model, model_file
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.bench.tasks import create_task
from decompbench.methods import SVD, compress
from decompbench.models import load_model

from ...factories import make_record, write_suite


def made_up(count, height=40, width=60):
    random = np.random.default_rng(0)
    pixels = [random.integers(256, size=(height, width, 3), dtype=np.uint8) for _ in range(count)]
    labels = ["ground truth", "bicubic", *(f"a method with a name {number}" for number in range(count - 2))]
    psnrs = [None, *(20.0 + number for number in range(count - 1))]
    pictures = tuple(Picture(*one) for one in zip(labels, pixels, psnrs, strict=True))
    return Scene("bird", "Set5", 4, "psnr_y", pictures)


def texts(figure):
    return [" ".join(axes.get_xlabel().split()) for axes in figure.axes]


def test_every_picture_has_a_crop_with_its_psnr_beside_the_whole_truth():
    scene = made_up(5)
    figure = draw_images(scene, crop=(10, 5, 20))
    assert texts(figure) == [
        "bird (Set5), ×4",
        "ground truth",
        "bicubic 20.00",
        *(f"a method with a name {number} {21 + number}.00" for number in range(3)),
    ]
    whole, *crops = (axes.images[0].get_array() for axes in figure.axes)
    assert np.array_equal(whole, scene.pictures[0].pixels)
    for crop, picture in zip(crops, scene.pictures, strict=True):
        assert np.array_equal(crop, picture.pixels[5:25, 10:30])
    (frame,) = figure.axes[0].patches
    assert frame.get_bbox().bounds == (10, 5, 20, 20)


def test_the_default_crop_is_the_middle():
    figure = draw_images(made_up(3))
    assert figure.axes[0].patches[0].get_bbox().bounds == (25, 15, 10, 10)


@pytest.mark.parametrize("count", [3, 8, 9, MOST_PICTURES])
def test_up_to_the_most_pictures_have_a_place_of_their_own(count, tmp_path):
    figure = draw_images(made_up(count))
    save(figure, tmp_path / "x.png")
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == count + 1
    assert all(min(box.width, box.height) > 20 for box in boxes)
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_too_many_pictures_and_a_crop_outside_are_refused():
    with pytest.raises(BenchError, match=f"{MOST_PICTURES + 1} pictures, of which {MOST_PICTURES} fit"):
        draw_images(made_up(MOST_PICTURES + 1))
    for crop in ((50, 0, 20), (0, 30, 20), (0, 0, 0)):
        with pytest.raises(BenchError, match="is not inside the picture of 60x40"):
            draw_images(made_up(3), crop=crop)


def test_a_perfect_picture_is_called_exact():
    scene = Scene(
        "x", "y", 2, "psnr_y", (made_up(2).pictures[0], Picture("mine", made_up(2).pictures[0].pixels, math.inf))
    )
    assert texts(draw_images(scene))[2] == "mine exact"


def test_equal_scenes_give_equal_files(tmp_path):
    for name in ("a.svg", "b.svg"):
        save(draw_images(made_up(4)), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


# -- from records and kept models -------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """A suite with two test sets, records of its trials and the models that they are of."""
    random = np.random.default_rng(0)
    for folder, names in (("train", ["t"]), ("Set5", ["bird", "head"]), ("Set14", ["bird"])):
        (tmp_path / folder).mkdir()
        for name in names:
            pixels = random.integers(256, size=(52, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    entry = {
        "model": "edsr-r1f8x2",
        "task": "super_resolution",
        "task_options": {"patch_size": 12, "example_size": 12},
        "data": "sr:train -> sr:Set5, sr:Set14",
        "methods": [{"name": "svd", "rank": 0.5}, {"name": "svd", "rank": 0.2, "label": "smaller"}],
    }
    suite = write_suite(tmp_path, {"name": "enlarged", "entries": [entry], "seeds": [1, 0]})
    (tmp_path / "models").mkdir()
    records, models = [], {}
    for trial in expand(load_suite(str(suite))):
        torch.manual_seed(trial.seed)
        model = load_model("edsr-r1f8x2").eval()
        if not trial.is_dense:
            model = compress(model, SVD(trial.method.settings["rank"]), torch.rand(1, 3, 12, 12)).eval()
        record = make_record(trial, key=f"{len(records):064d}", state_sha256=state_sha256(model))
        keep_model(model, model_file(tmp_path / "models", record.name, record.key))
        records.append(record)
        models[record.name] = model
    return tmp_path, str(suite), records, models


def test_a_scene_has_the_pictures_of_the_models_and_the_scores_of_the_task(kept):
    folder, suite, records, models = kept
    scene = make_scene(records, suite, folder / "models", "head")
    assert (scene.name, scene.test, scene.scale, scene.metric) == ("head", "Set5", 2, "psnr_y")
    assert [picture.label for picture in scene.pictures] == [
        "ground truth", "bicubic", "dense", "svd rank=0.5", "smaller",
    ]  # fmt: skip
    task = create_task(
        "super_resolution", f"sr:{folder / 'train'} -> sr:{folder / 'Set5'}", patch_size=12, example_size=12
    )
    pair = task.data.tests["Set5"].pairs[1]
    low, high = pair.read()
    assert np.array_equal(scene.pictures[0].pixels, high.permute(1, 2, 0).numpy())
    name = next(record.name for record in records if record.method.label == "smaller" and record.trial.seed == 0)
    image = task.enlarge(models[name], low)
    assert np.array_equal(scene.pictures[-1].pixels, image.byte().permute(1, 2, 0).numpy())
    assert scene.pictures[-1].psnr == task.score(image, high)["psnr_y"]


def test_an_image_is_named_with_its_set_where_several_have_one(kept):
    folder, suite, records, _ = kept
    assert make_scene(records, suite, folder / "models").name == "bird"
    scene = make_scene(records, suite, folder / "models", "Set14/bird.png")
    assert scene.test == "Set14"
    with pytest.raises(BenchError, match="say Set5/bird or Set14/bird"):
        make_scene(records, suite, folder / "models", "bird")
    with pytest.raises(BenchError, match=r"no test image 'heat' \(did you mean 'head'\?\); there is bird, head"):
        make_scene(records, suite, folder / "models", "heat")


def test_rows_without_a_model_are_left_out_and_said(kept):
    folder, suite, records, _ = kept
    gone = [record for record in records if record.method.label == "smaller"]
    for record in gone:
        model_file(folder / "models", record.name, record.key).unlink()
    notes = []
    scene = make_scene(records, suite, folder / "models", "head", on_note=notes.append)
    assert [picture.label for picture in scene.pictures][2:] == ["dense", "svd rank=0.5"]
    assert notes == [f"left out: {gone[1].name}, whose model is not in {folder / 'models'}"]
    with pytest.raises(BenchError, match="there is no folder"):
        make_scene(gone, suite, folder / "nowhere", "head")
    with pytest.raises(BenchError, match=r"holds no model of these records: 'decompbench run .* --keep-models"):
        make_scene(gone, suite, folder / "models", "head")


def test_records_of_other_tasks_or_of_several_tables_are_refused(kept):
    folder, suite, records, _ = kept
    with pytest.raises(BenchError, match="pictures are of super-resolution"):
        make_scene([record.model_copy(update={"status": "failed"}) for record in records], suite, folder / "models")
    elsewhere = [record.model_copy(update={"machine": "another"}) for record in records]
    with pytest.raises(BenchError, match=r"pictures are of one table: .* on another \(cpu\)"):
        make_scene(records + elsewhere, suite, folder / "models")


def test_pictures_are_written_whole(tmp_path):
    scene = made_up(3)
    files = write_pictures(scene, tmp_path / "new")
    assert [file.name for file in files] == [
        "bird-x4-ground_truth.png", "bird-x4-bicubic.png", "bird-x4-a_method_with_a_name_0.png",
    ]  # fmt: skip
    for file, picture in zip(files, scene.pictures, strict=True):
        assert np.array_equal(np.asarray(Image.open(file)), picture.pixels)
