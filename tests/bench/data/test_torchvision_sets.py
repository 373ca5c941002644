"""CIFAR and Fashion-MNIST as torchvision lays them out: from small files, found in several places, or missing."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import datasets

from decompbench.bench.data import DataError, UnknownDataError, fetch_data, load_classification

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write_pickle(path: Path, content: Any) -> list[str]:
    """Write a file; return its name and MD5 as torchvision lists them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return [path.name, hashlib.md5(path.read_bytes()).hexdigest()]


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 with 3 images in each of five training files and 4 test images, whose MD5 torchvision knows."""
    folder = tmp_path / "all" / datasets.CIFAR10.base_folder
    generator = np.random.default_rng(0)

    def batch(name: str, count: int) -> list[str]:
        pixels = generator.integers(0, 256, (count, 3072), dtype=np.uint8)
        return write_pickle(folder / name, {"data": pixels, "labels": list(range(count))})

    monkeypatch.setattr(datasets.CIFAR10, "train_list", [batch(f"data_batch_{i}", 3) for i in range(1, 6)])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [batch("test_batch", 4)])
    name, md5 = write_pickle(folder / "batches.meta", {"label_names": TEN})
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return folder


def test_cifar10_is_found_by_the_variable_by_root_and_by_its_folder(
    cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOMPBENCH_DATA", str(cifar10.parent))
    data = load_classification("cifar10")
    assert data.train_images.shape == (15, 3, 32, 32)
    assert data.train_labels.tolist() == [0, 1, 2] * 5
    assert data.classes == tuple(TEN)
    assert data.name == "cifar10"
    monkeypatch.delenv("DECOMPBENCH_DATA")
    for name, root in ((f"cifar10:{cifar10.parent}", None), (f"cifar10:{cifar10}", None), ("cifar10", cifar10.parent)):
        assert load_classification(name, root).revision == data.revision


def test_cifar10_pixels_are_rows_of_red_then_green_then_blue(cifar10: Path) -> None:
    with (cifar10 / "test_batch").open("rb") as file:
        pixels = pickle.load(file)["data"]
    images = load_classification(f"cifar10:{cifar10}").test_images
    assert torch.equal(images, torch.from_numpy(pixels).view(4, 3, 32, 32))


def test_files_that_are_not_the_published_ones_are_not_opened(cifar10: Path) -> None:
    (cifar10 / "data_batch_3").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(DataError, match=r"CIFAR10 .* MD5 differs"):
        load_classification(f"cifar10:{cifar10}")


def test_a_folder_of_another_name_is_told_what_to_be_called(cifar10: Path) -> None:
    moved = cifar10.rename(cifar10.parent / "cifar")
    with pytest.raises(DataError, match="must be called cifar-10-batches-py"):
        load_classification(f"cifar10:{moved}")


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion-mnist"])
def test_missing_data_is_one_message_with_places_and_remedies(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOMPBENCH_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_classification(name)
    message = str(caught.value)
    assert f"in {tmp_path}/" in message
    assert f"'decompbench data fetch {name}'" in message
    assert f"'{name}:FOLDER'" in message
    assert "DECOMPBENCH_DATA=FOLDER" in message


def test_data_of_another_outline_is_refused(cifar10: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | dict([_nine_classes(cifar10)]))
    with pytest.raises(DataError, match=r"9 classes; cifar10 must have .* in 10"):
        load_classification(f"cifar10:{cifar10}")


def _nine_classes(folder: Path) -> tuple[str, str]:
    return "md5", write_pickle(folder / "batches.meta", {"label_names": TEN[:9]})[1]


def test_fashion_mnist_is_found_below_torchvisions_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    originals = Path("/usr/share/datasets/fashion-mnist")
    if not originals.is_dir():
        pytest.skip("the Debian package dataset-fashion-mnist is not installed")
    shutil.copytree(originals, tmp_path / "FashionMNIST" / "raw")
    monkeypatch.setenv("DECOMPBENCH_DATA", str(tmp_path))
    assert load_classification("fashion-mnist").revision == load_classification(f"fashion-mnist:{originals}").revision


def test_fetch_downloads_with_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(datasets.CIFAR100, "download", lambda self: asked.append(self.root))
    monkeypatch.setattr(datasets.CIFAR100, "_check_integrity", lambda self: False)
    with pytest.raises(DataError, match="could not download cifar100"):
        fetch_data("cifar100", tmp_path / "new")
    assert asked == [str(tmp_path / "new")]


def test_fetch_of_what_cannot_be_downloaded() -> None:
    with pytest.raises(UnknownDataError, match=r"did you mean 'cifar10'.*fashion-mnist"):
        fetch_data("cifar10-jpeg")
