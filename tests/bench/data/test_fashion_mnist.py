"""The embedded data: what is in it, and that it is what the script makes of the original files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from decompbench.bench.data import DataError, load_classification
from decompbench.bench.data.classification.fashion_mnist import EMBEDDED
from tools.embed import embed, first_of_each_class, main

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts the files
needs_originals = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed"
)


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for which, count, suffix in (("train", 12, ".gz"), ("t10k", 5, "")):
        write_idx(tmp_path / f"{which}-images-idx3-ubyte{suffix}", generator.integers(0, 256, (count, 28, 28)))
        write_idx(tmp_path / f"{which}-labels-idx1-ubyte{suffix}", np.arange(count) % 10)
    return tmp_path


def test_embedded_content() -> None:
    data = load_classification("fashion-mnist-10k")
    assert data.train_images.shape == (10_000, 1, 28, 28)
    assert data.test_images.shape == (2_000, 1, 28, 28)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_labels.bincount().tolist() == [1000] * 10
    assert data.test_labels.bincount().tolist() == [200] * 10
    assert len(data.classes) == 10
    assert data.revision == "42ed022eef988908"


def test_mean_and_std_are_those_of_the_training_images() -> None:
    data = load_classification("fashion-mnist-10k")
    pixels = data.train_images.double() / 255
    assert data.mean[0] == pytest.approx(pixels.mean().item(), abs=1e-10)
    assert data.std[0] == pytest.approx(pixels.std(correction=0).item(), abs=1e-10)


def test_embedded_file_is_small_and_has_its_licence_beside_it() -> None:
    assert EMBEDDED.stat().st_size < 4.6e6
    licence = (EMBEDDED.parent / "fashion-mnist-LICENSE.txt").read_text()
    assert "Zalando SE" in licence
    assert "The above copyright notice and this permission notice" in licence


@needs_originals
def test_embedded_images_are_the_first_of_each_class_in_order() -> None:
    full = load_classification(f"fashion-mnist:{DEBIAN}")
    data = load_classification("fashion-mnist-10k")
    assert len(full.train_labels) == 60_000
    # The first images of the file are the first of their classes, so they open the subset too.
    assert torch.equal(full.train_images[:5000], data.train_images[:5000])
    assert torch.equal(full.test_labels[:1000], data.test_labels[:1000])
    for label in (0, 9):
        mine = data.test_images[data.test_labels == label]
        assert torch.equal(mine, full.test_images[full.test_labels == label][:200])


@needs_originals
@pytest.mark.slow
def test_the_script_makes_the_embedded_file_again() -> None:
    assert embed(DEBIAN) == EMBEDDED.read_bytes()


def test_first_of_each_class() -> None:
    labels = torch.tensor([1, 1, 0, 1, 0, 0, 2])
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, 4, 6]


def test_script_writes_the_same_bytes_twice(idx_folder: Path) -> None:
    outputs = [idx_folder / "a.xz", idx_folder / "b.xz"]
    for output in outputs:
        assert main([str(idx_folder), str(output)]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_folder_of_idx_files_gzipped_or_not(idx_folder: Path) -> None:
    data = load_classification(f"fashion-mnist:{idx_folder}")
    assert data.train_images.shape == (12, 1, 28, 28)
    assert data.test_labels.tolist() == [0, 1, 2, 3, 4]
    by_root = load_classification(f"fashion-mnist:{idx_folder.name}", root=idx_folder.parent)
    assert by_root.revision == data.revision


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8bbroken", "gzip stream is damaged"),
        (b"hello world", "not an IDX file"),
        (b"\0\0\x08\x01\0\0\0\x0cshort", "needs 12"),
    ],
)
def test_damaged_idx_files(idx_folder: Path, content: bytes, message: str) -> None:
    (idx_folder / "train-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_classification(f"fashion-mnist:{idx_folder}")


def test_images_and_labels_that_do_not_belong_together(idx_folder: Path) -> None:
    write_idx(idx_folder / "t10k-labels-idx1-ubyte", np.zeros(4))
    with pytest.raises(DataError, match="do not belong"):
        load_classification(f"fashion-mnist:{idx_folder}")


def test_missing_idx_file(idx_folder: Path) -> None:
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte"):
        load_classification(f"fashion-mnist:{idx_folder}")
