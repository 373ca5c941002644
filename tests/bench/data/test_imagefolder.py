"""Folders of class subfolders: both layouts, grey and colour, sizes, and what is wrong with a bad one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from decompbench.bench.data import DataError, load_classification, scan_classification
from decompbench.bench.data.types import IMAGENET_MEAN, IMAGENET_STD


def load(folder: Path, **options):
    return load_classification(f"imagefolder:{folder}", **options)


def save(path: Path, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 77 if mode == "L" else (10, 20, 30)).save(path)


def test_train_and_test(image_folder: Path) -> None:
    data = load(image_folder)
    assert data.classes == ("cat", "dog")
    assert data.train_images.shape == (5, 3, 4, 6)
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1]
    assert data.test_labels.tolist() == [0, 0, 1]
    pixels = np.asarray(Image.open(image_folder / "test" / "dog" / "0.png"))
    assert torch.equal(data.test_images[2], torch.from_numpy(pixels.copy()).permute(2, 0, 1))


def test_val_serves_where_there_is_no_test(image_folder: Path) -> None:
    with_test = load(image_folder)
    (image_folder / "test").rename(image_folder / "val")
    assert load(image_folder).revision == with_test.revision


def test_a_test_folder_without_classes_leaves_val_to_test_on(image_folder: Path) -> None:
    with_test = load(image_folder)
    shutil.copytree(image_folder / "test", image_folder / "val")
    save(image_folder / "val" / "dog" / "1.png")
    assert load(image_folder).revision == with_test.revision
    shutil.rmtree(image_folder / "test")
    save(image_folder / "test" / "ILSVRC2012_test_00000001.png")
    assert len(load(image_folder).test_labels) == len(with_test.test_labels) + 1


def test_imagenet_is_tested_on_val_whatever_else_there_is(tmp_path: Path) -> None:
    for label in range(1000):
        save(tmp_path / "train" / f"n{label:08}" / "0.JPEG")
        save(tmp_path / "val" / f"n{label:08}" / "0.JPEG")
    save(tmp_path / "test" / "ILSVRC2012_test_00000001.JPEG")
    data = scan_classification(f"imagenet:{tmp_path}")
    save(tmp_path / "test" / "unknown" / "ILSVRC2012_test_00000001.JPEG")
    assert scan_classification(f"imagenet:{tmp_path}").revision == data.revision
    assert data.test_files[0] == b"val/n00000000/0.JPEG"
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(DataError, match=r"no val/ beside it with a subfolder for each class"):
        scan_classification(f"imagenet:{tmp_path}")


def test_split_of_one_folder_depends_on_names_only(tmp_path: Path) -> None:
    for label in ("a", "b"):
        for index in range(10):
            save(tmp_path / "one" / label / f"{index}.png", mode="L")
    for index in range(10):
        Image.new("L", (6, 4), index).save(tmp_path / "one" / "a" / f"{index}.png")
    data = load(tmp_path / "one")
    assert data.train_images.shape == (16, 1, 4, 6)
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    tested = data.test_images[data.test_labels == 0, 0, 0, 0].tolist()
    trained = data.train_images[data.train_labels == 0, 0, 0, 0].tolist()
    assert sorted(tested + trained) == list(range(10))
    shutil.copytree(tmp_path / "one", tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere").revision == data.revision


def test_revision_changes_with_a_pixel(image_folder: Path) -> None:
    before = load(image_folder).revision
    save(image_folder / "train" / "cat" / "0.png")
    assert load(image_folder).revision != before


def test_grey_among_colour_becomes_colour(image_folder: Path) -> None:
    save(image_folder / "train" / "cat" / "0.png", mode="L")
    assert torch.equal(load(image_folder).train_images[0], torch.full((3, 4, 6), 77, dtype=torch.uint8))


def test_sizes_differ(image_folder: Path) -> None:
    save(image_folder / "train" / "dog" / "1.png", size=(9, 5))
    with pytest.raises(DataError, match=r"6x4, 1\.png 9x5.*{image_size: 64}"):
        load(image_folder)
    assert load(image_folder, image_size=8).train_images.shape == (5, 3, 8, 8)


def test_unreadable_image(image_folder: Path) -> None:
    (image_folder / "train" / "dog" / "1.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"dog.1\.png cannot be read"):
        load(image_folder)


def test_files_that_are_no_images_are_ignored(image_folder: Path) -> None:
    before = load(image_folder).revision
    (image_folder / "train" / "dog" / "notes.txt").write_text("good dogs")
    (image_folder / "train" / ".cache").mkdir()
    assert load(image_folder).revision == before


def test_layouts_that_do_not_work(image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        load(tmp_path / "nowhere")
    (image_folder / "test" / "dog").rename(image_folder / "test" / "dogs")
    with pytest.raises(DataError, match=r"'dogs'.*did you mean 'dog'"):
        load(image_folder)
    shutil.rmtree(image_folder / "test")
    with pytest.raises(DataError, match="no test/ or val/"):
        load(image_folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no subfolders"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "class").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        load(tmp_path / "empty")
    save(tmp_path / "empty" / "class" / "only.png")
    with pytest.raises(DataError, match="one image only"):
        load(tmp_path / "empty")


def test_too_large_for_memory_says_the_size(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 100

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(DataError, match=r"8 images of 6x4 take 0\.0 GB"):
        load(image_folder)


def test_imagenet_s_mean_and_deviation_are_timm_s() -> None:
    assert (IMAGENET_MEAN, IMAGENET_STD) == (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
