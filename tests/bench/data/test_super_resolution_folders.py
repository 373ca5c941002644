"""Super-resolution from folders: layouts, names that go together, sizes, damaged files, memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decompbench.bench.base.errors import BenchError
from decompbench.bench.data import DataError, SuperResolutionData, UnknownDataError, load_super_resolution
from decompbench.bench.data.images.resize import downsample
from decompbench.bench.data.super_resolution.pairs import DecodedPairs


def save(path: Path, width: int = 12, height: int = 8, mode: str = "RGB", seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """``X2`` with HR and LR, ``X3`` with HR alone; names as in the published sets and as in DIV2K."""
    for index, (high, low) in enumerate([("a_SRF_2_HR", "a_SRF_2_LR"), ("0002", "0002x2")]):
        save(tmp_path / "mine" / "X2" / "HR" / f"{high}.png", 13, 8, seed=index)
        save(tmp_path / "mine" / "X2" / "LR" / f"{low}.png", 6, 4, seed=index)
        save(tmp_path / "mine" / "X3" / "HR" / f"{high}.png", 13, 8, seed=index)
    return tmp_path / "mine"


def load(name: str, scale: int = 2, **options) -> SuperResolutionData:
    return load_super_resolution(f"photographs -> {name}", scale=scale, **options)


def test_published_low_resolution_images_are_taken(mine: Path) -> None:
    images = load(f"sr:{mine}").tests["mine"]
    assert [pair.name for pair in images.pairs] == ["0002.png", "a_SRF_2_HR.png"]
    for pair, stem in zip(images.pairs, ("0002x2", "a_SRF_2_LR"), strict=True):
        low, high = pair.read()
        assert high.shape == (3, 8, 12)  # a column that no low-resolution pixel stands for is cut off
        published = np.asarray(Image.open(mine / "X2" / "LR" / f"{stem}.png"))
        assert torch.equal(low, torch.from_numpy(published.copy()).permute(2, 0, 1))


@pytest.mark.parametrize("folder", ["", "X3", "X3/HR"])
def test_without_low_resolution_images_they_are_made(mine: Path, folder: str) -> None:
    images = load(f"sr:{mine / folder}", scale=3).tests["mine"]
    low, high = images.pairs[0].read()
    assert high.shape == (3, 6, 12)
    assert torch.equal(low, downsample(high, 3))


def test_layout_with_scales_below_the_resolution(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png")
    save(tmp_path / "LR" / "X2" / "a.jpg", 6, 4)
    pair = load(f"sr:{tmp_path}").tests[tmp_path.name].pairs[0]
    assert pair.low is not None
    assert load(f"sr:{tmp_path}", scale=4).tests[tmp_path.name].pairs[0].read()[0].shape == (3, 2, 3)


def test_div2k(tmp_path: Path) -> None:
    for part, number in (("train", "0001"), ("valid", "0801")):
        save(tmp_path / f"DIV2K_{part}_HR" / f"{number}.png")
        save(tmp_path / f"DIV2K_{part}_LR_bicubic" / "X2" / f"{number}x2.png", 6, 4)
    data = load_super_resolution(f"div2k:{tmp_path}", scale=2)
    assert [pair.name for pair in data.train.pairs] == ["0001.png"]
    assert [pair.name for pair in data.tests[""].pairs] == ["0801.png"]
    assert data.train.pairs[0].low is not None
    assert list(load(f"div2k:{tmp_path}").tests) == ["DIV2K"]
    shutil.rmtree(tmp_path / "DIV2K_valid_HR")
    with pytest.raises(DataError, match="looked for DIV2K_valid_HR in"):
        load_super_resolution(f"div2k:{tmp_path}", scale=2)


def test_several_test_sets(mine: Path, tmp_path: Path) -> None:
    shutil.copytree(mine, tmp_path / "other")
    data = load_super_resolution(f"sr:{mine} -> sr:{tmp_path / 'other'}, sr:mine, photographs", tmp_path, scale=2)
    assert list(data.tests) == ["other", "mine", "photographs"]
    alone = load_super_resolution(f"sr:{mine} -> sr:{mine}", scale=2)
    assert alone.revision != data.revision
    with pytest.raises(DataError, match="two test sets named mine"):
        load(f"sr:{mine}, sr:{mine / 'X2'}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sr:.", "no test set: say on which, as in 'sr:. -> sr:Set5, sr:Set14'"),
        ("photograph -> sr:.", "did you mean 'photographs'"),
        ("photographs ->  , sr:.", "must be one name, or like"),
        ("fashion-mnist-10k -> sr:.", "is data for classification"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        load_super_resolution(name, scale=2)


def test_layouts_that_do_not_work(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        load(f"sr:{tmp_path / 'nowhere'}")
    with pytest.raises(DataError, match="no X4/HR; there is X2, X3, whose HR"):
        load(f"sr:{mine}", scale=4)
    with pytest.raises(UnknownDataError):
        load("sr:")
    (mine / "X2" / "LR" / "0002x2.png").rename(mine / "X2" / "LR" / "0003x2.png")
    with pytest.raises(DataError, match=r"0002\.png has no partner in .*LR"):
        load(f"sr:{mine}")
    (mine / "X2" / "LR" / "0003x2.png").rename(mine / "X2" / "LR" / "0002x2.png")
    save(mine / "X2" / "LR" / "0002x2.png", 7, 4)
    with pytest.raises(DataError, match=r"0002x2\.png is 7x4 and .*0002\.png is 13x8: at scale 2 .* 6x4"):
        load(f"sr:{mine}")
    save(mine / "X3" / "HR" / "0002x3.png")
    with pytest.raises(DataError, match=r"0002\.png and 0002x3\.png would be the same image"):
        load(f"sr:{mine}", scale=3)


def test_truncated_file_is_named(mine: Path) -> None:
    path = mine / "X3" / "HR" / "0002.png"
    path.write_bytes(path.read_bytes()[:-80])
    images = load(f"sr:{mine}", scale=3).tests["mine"]
    with pytest.raises(DataError, match=r"0002\.png cannot be read as an image"):
        images.pairs[0].read()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "a.png", mode=mode)
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    high = load(f"sr:{tmp_path}").tests[tmp_path.name].pairs[0].read()[1]
    assert torch.equal(high, torch.from_numpy(expected.copy()).permute(2, 0, 1))


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (12, 8), (1, 2, 3, 254)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is transparent in places"):
        load(f"sr:{tmp_path}").tests[tmp_path.name].pairs[0].read()
    (tmp_path / "a.png").unlink()
    Image.fromarray(np.full((8, 12), 0.5, dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif has samples that are floats"):
        load(f"sr:{tmp_path}").tests[tmp_path.name].pairs[0].read()


def test_revision_is_of_the_files(mine: Path, tmp_path: Path) -> None:
    before = load(f"sr:{mine}").revision
    shutil.copytree(mine, tmp_path / "elsewhere" / "mine")
    assert load(f"sr:{tmp_path / 'elsewhere' / 'mine'}").revision == before
    save(mine / "X2" / "LR" / "0002x2.png", 6, 4, seed=9)
    assert load(f"sr:{mine}").revision != before


def test_decoded_images_take_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", seed=index)
    pairs = load(f"sr:{tmp_path}").tests[tmp_path.name].pairs
    reads: list[str] = []
    read = type(pairs[0]).read
    monkeypatch.setattr(type(pairs[0]), "read", lambda pair: reads.append(pair.name) or read(pair))
    decoded = DecodedPairs(limit=2 * pairs[0].bytes)
    for index in (0, 1, 0, 2, 0, 1):  # 2 pushes out 1, which was used before 0
        low_high = decoded.read([pairs[index]])[0]
        assert all(torch.equal(*sides) for sides in zip(low_high, read(pairs[index]), strict=True))
        assert decoded.used <= decoded.limit
    assert reads == ["0.png", "1.png", "2.png", "1.png"]
    assert len(decoded.read(pairs)) == 4
    tiny = DecodedPairs(limit=1)
    tiny.read(pairs)
    assert tiny.used == 0
