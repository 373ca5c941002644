"""Images that EXIF turns: upright in every task, with the sizes and boxes of the upright image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decompbench.bench.data import DataError, load_classification, load_super_resolution
from decompbench.bench.data.detection.load import load_detection
from decompbench.bench.data.images.orientation import Stored
from decompbench.bench.data.images.pictures import picture_size, read_picture

from ..voc_files import write_voc
from .odd_files import orientation_exif, write_png

#: How the upright image is made of the stored one ``(h, w)``; from CIPA DC-008: where row 0 and column 0 are.
UPRIGHT = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.T,
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].T,
    8: lambda image: np.rot90(image),
}
STORED = np.random.default_rng(0).integers(0, 256, (8, 12), dtype=np.uint8)


def save(path: Path, orientation: int, image: np.ndarray = STORED) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    options = {"lossless": True} if path.suffix == ".webp" else options
    Image.fromarray(image).save(path, exif=exif, **options)


@pytest.mark.parametrize("end", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_upright(tmp_path: Path, orientation: int, end: str) -> None:
    save(tmp_path / f"a.{end}", orientation)
    upright = UPRIGHT[orientation](STORED)
    assert picture_size(tmp_path / f"a.{end}") == upright.shape
    shown = read_picture(tmp_path / f"a.{end}").numpy()[0].astype(int)
    assert np.abs(shown - upright).max() <= (4 if end == "jpg" else 0)


def test_a_png_may_tell_its_orientation_behind_the_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", STORED, after=[(b"eXIf", orientation_exif(6))])
    assert picture_size(tmp_path / "a.png") == (12, 8)
    assert np.array_equal(read_picture(tmp_path / "a.png")[0].numpy(), UPRIGHT[6](STORED))


def test_deep_and_palette_images_are_turned_too(tmp_path: Path) -> None:
    write_png(tmp_path / "deep.png", STORED.astype(np.uint16) * 257, before=[(b"eXIf", orientation_exif(8))])
    assert np.array_equal(read_picture(tmp_path / "deep.png")[0].numpy(), UPRIGHT[8](STORED))
    exif = Image.Exif()
    exif[274] = 7
    Image.fromarray(STORED).convert("P").save(tmp_path / "palette.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "palette.png")[0].numpy(), UPRIGHT[7](STORED))


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_boxes_are_turned_with_their_image(orientation: int) -> None:
    left, top, right, bottom = 2, 1, 9, 4
    stored = np.zeros((8, 12), np.uint8)
    stored[top:bottom, left:right] = 1
    rows, columns = UPRIGHT[orientation](stored).nonzero()
    upright = Stored(8, 12, orientation).upright_boxes(torch.tensor([[left, top, right, bottom]]).float())
    assert upright.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    assert Stored(8, 12, orientation).upright_boxes(torch.empty(0, 4)).shape == (0, 4)


def test_classification_sees_upright_images(tmp_path: Path) -> None:
    for half in ("train", "test"):
        (tmp_path / half / "cat").mkdir(parents=True)
        save(tmp_path / half / "cat" / "0.png", 6)
    images = load_classification(f"imagefolder:{tmp_path}").train_images
    assert np.array_equal(images[0, 0].numpy(), UPRIGHT[6](STORED))


def test_super_resolution_pairs_are_those_of_upright_images(tmp_path: Path) -> None:
    for part in ("HR", "LR"):
        (tmp_path / part).mkdir()
    save(tmp_path / "HR" / "a.png", 6)
    Image.fromarray(np.ascontiguousarray(UPRIGHT[6](STORED)[::2, ::2])).save(tmp_path / "LR" / "a.png")
    (pair,) = load_super_resolution(f"photographs -> sr:{tmp_path}", scale=2).tests[tmp_path.name].pairs
    low, high = pair.read()
    assert (low.shape, high.shape) == ((3, 6, 4), (3, 12, 8))
    assert np.array_equal(high[0].numpy(), UPRIGHT[6](STORED))


@pytest.fixture
def turned(tmp_path: Path):
    """Write one annotated image whose file lies on its side, with the size that its annotation gives; read it."""
    write_voc(tmp_path, train={2007: 1}, test=1)
    year = tmp_path / "VOCdevkit" / "VOC2007"
    image = np.zeros((80, 120), np.uint8)
    image[10:30, 50:110] = 255
    save(year / "JPEGImages" / "000001.jpg", 6, image)

    def read(box: tuple[int, ...], size: tuple[int, int] | None):
        edges = "".join(f"<{n}>{v}</{n}>" for n, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        told = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
        text = f"<annotation>{told}<object><name>cat</name><bndbox>{edges}</bndbox></object></annotation>"
        (year / "Annotations" / "000001.xml").write_text(text)
        return load_detection(f"voc2007:{tmp_path}").train[0]

    return read


STORED_BOX, UPRIGHT_BOX = (51, 11, 110, 30), (51, 51, 70, 110)


@pytest.mark.parametrize(
    ("box", "size"), [(STORED_BOX, None), (STORED_BOX, (120, 80)), (UPRIGHT_BOX, (80, 120))],
)  # fmt: skip
def test_voc_boxes_are_where_the_objects_are(turned, box: tuple[int, ...], size: tuple[int, int] | None) -> None:
    scene = turned(box, size)
    rows, columns = (scene.read()[0].numpy() > 128).nonzero()
    assert scene.boxes.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]


def test_an_annotation_of_another_image_s_size_is_refused(turned) -> None:
    with pytest.raises(DataError, match=r"000001\.xml gives the size 99x80, but its image is 120x80 and turned"):
        turned(STORED_BOX, (99, 80))
