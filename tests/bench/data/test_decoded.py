"""The cache of decoded images: used while the files are the same, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from decompbench.bench.data import load_classification
from decompbench.bench.data.classification import imagefolder


@pytest.fixture(autouse=True)
def decoded_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decompbench" / "decoded"


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for each time that images are decoded: how many."""
    seen: list[int] = []
    decode = imagefolder._decode

    def counting(paths, *rest):
        seen.append(len(paths))
        return decode(paths, *rest)

    monkeypatch.setattr(imagefolder, "_decode", counting)
    return seen


def load(folder: Path, **options):
    return load_classification(f"imagefolder:{folder}", **options)


def test_the_second_load_decodes_nothing_and_is_the_same(
    image_folder: Path, decoded_folder: Path, decodings: list[int]
) -> None:
    first, second = load(image_folder), load(image_folder)
    assert decodings == [8]
    assert torch.equal(first.train_images, second.train_images)
    assert first.revision == second.revision
    assert len(list(decoded_folder.iterdir())) == 1


def test_sizes_are_kept_side_by_side(image_folder: Path, decoded_folder: Path, decodings: list[int]) -> None:
    for size in (8, 6, 8, 6):
        assert load(image_folder, image_size=size).train_images.shape[2:] == (size, size)
    assert decodings == [8, 8]
    assert len(list(decoded_folder.iterdir())) == 2


def test_a_file_that_changed_is_seen_even_at_its_old_size_and_time(image_folder: Path, decodings: list[int]) -> None:
    load(image_folder)
    path = image_folder / "train" / "cat" / "0.png"
    before = path.stat()
    pixels = Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels.save(path)
    content = path.read_bytes()[: before.st_size]
    path.write_bytes(content.ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with Image.open(path) as image:
        expected = torch.tensor(list(image.convert("RGB").tobytes())).view(4, 6, 3).permute(2, 0, 1)
    assert torch.equal(load(image_folder).train_images[0], expected.byte())
    assert len(decodings) == 2


def test_a_file_more_or_less_is_seen(image_folder: Path, decoded_folder: Path, decodings: list[int]) -> None:
    load(image_folder)
    (image_folder / "train" / "cat" / "2.png").unlink()
    assert len(load(image_folder).train_images) == 4
    assert decodings == [8, 7]
    assert len(list(decoded_folder.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_damaged_file_is_made_again(
    image_folder: Path, decoded_folder: Path, decodings: list[int], content: bytes
) -> None:
    revision = load(image_folder).revision
    (kept,) = decoded_folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-10] if content is None else content)
    assert load(image_folder).revision == revision
    assert load(image_folder).revision == revision
    assert decodings == [8, 8]


def test_it_works_without_a_cache(image_folder: Path, tmp_path: Path, decodings: list[int]) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert load(image_folder).revision == load(image_folder).revision
    assert decodings == [8, 8]
