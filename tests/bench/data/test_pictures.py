"""The one loader of images: each kind of file is read with the right values in every task, or refused by its name."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decompbench.bench.data import DataError, load_classification, load_super_resolution
from decompbench.bench.data.images.pictures import is_grey_picture, picture_size, read_image, read_picture
from decompbench.bench.tasks import create_task

from .odd_files import orientation_exif, write_png, write_tiff

RAMP = np.arange(16, dtype=np.uint16)[None].repeat(12, 0)
"""16 columns from 0 to 15."""
GREY = (17 * RAMP).astype(np.uint8)
DEEP = 4369 * RAMP
"""As `GREY`, of 16 bits."""
COLOUR = np.stack([GREY, GREY[:, ::-1], GREY // 2], -1)


def write_key_colour(path: Path, colour: tuple[int, ...], dtype: type = np.uint8) -> None:
    """Write a ramp that declares one colour transparent."""
    pixels = (257 * COLOUR.astype(np.uint16)) if dtype is np.uint16 else COLOUR
    write_png(path, pixels, before=[(b"tRNS", struct.pack(">HHH", *colour))])


def palette(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image).quantize(64, dither=Image.Dither.NONE)


#: By name of the file how it is written, and what it shows: grey ``(h, w)`` or colour ``(h, w, 3)``.
READ = {
    "8-grey.png": (lambda path: Image.fromarray(GREY).save(path), GREY),
    "16-grey.png": (lambda path: write_png(path, DEEP), GREY),
    "16-grey.tif": (lambda path: Image.fromarray(DEEP).save(path), GREY),
    "16-grey-big-endian.tif": (lambda path: Image.fromarray(DEEP).save(path, big_endian=True), GREY),
    "16-grey.pgm": (lambda path: path.write_bytes(b"P5 16 12 65535\n" + DEEP.astype(">u2").tobytes()), GREY),
    "10-grey.pgm": (lambda path: path.write_bytes(b"P5 16 12 15\n" + RAMP.astype("u1").tobytes()), GREY),
    "16-white-is-zero.tif": (
        lambda path: write_tiff(path, (65535 - DEEP).astype("<u2").tobytes(), (16, 12), 16, photometric=0), GREY
    ),
    "8-white-is-zero.tif": (lambda path: write_tiff(path, (255 - GREY).tobytes(), (16, 12), 8, photometric=0), GREY),
    "12-grey.tif": (
        lambda path: write_tiff(path, b"".join(b"%c%c%c" % (17 * a, 16 * (a & 15) + (b & 15), 17 * b)
                                               for a, b in (273 * RAMP // 273).reshape(-1, 2)), (16, 12), 12), GREY
    ),
    "16-colour.png": (lambda path: write_png(path, 257 * COLOUR.astype(np.uint16)), COLOUR),
    "16-opaque.png": (
        lambda path: write_png(path, np.dstack([257 * COLOUR.astype(np.uint16), np.full_like(DEEP, 65535)])), COLOUR
    ),
    "1-bit.png": (lambda path: Image.fromarray(GREY > 100).save(path), 255 * (GREY > 100)),
    "1-bit.tif": (lambda path: Image.fromarray(GREY > 100).save(path), 255 * (GREY > 100)),
    "palette.png": (lambda path: palette(COLOUR).save(path), COLOUR),
    "palette.gif": (lambda path: palette(COLOUR).save(path), COLOUR),
    "palette-unused-transparency.png": (lambda path: palette(COLOUR).save(path, transparency=63), COLOUR),
    "opaque.png": (lambda path: Image.fromarray(COLOUR).convert("RGBA").save(path), COLOUR),
    "opaque-grey.png": (lambda path: Image.fromarray(GREY).convert("LA").save(path), GREY),
    "opaque.webp": (lambda path: Image.fromarray(COLOUR).convert("RGBA").save(path, lossless=True), COLOUR),
    "key-colour-that-does-not-occur.png": (lambda path: write_key_colour(path, (1, 2, 3)), COLOUR),
    "16-key-colour-that-does-not-occur.png": (lambda path: write_key_colour(path, (300, 2, 3), np.uint16), COLOUR),
    "inks.tif": (lambda path: Image.fromarray(255 - np.dstack([COLOUR, np.full_like(GREY, 255)]), "CMYK").save(path),
                 COLOUR),
    "png-called.jpg": (lambda path: Image.fromarray(COLOUR).save(path, "PNG"), COLOUR),
    "colour.bmp": (lambda path: Image.fromarray(COLOUR).save(path), COLOUR),
}  # fmt: skip


def write_animation(path: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def write_cut(path: Path, share: float = 0.6) -> None:
    """Write the beginning of a file of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def write_unmarked_inks(path: Path) -> None:
    """Write a JPEG in inks without Adobe's marker."""
    Image.new("CMYK", (16, 12), (0, 255, 0, 0)).save(path)
    content = path.read_bytes()
    at = content.index(b"\xff\xee")
    path.write_bytes(content[:at] + content[at + 2 + int.from_bytes(content[at + 2 : at + 4], "big") :])


#: By name of the file how it is written, and why it is refused.
REFUSED = {
    "float.tif": (lambda path: Image.fromarray((GREY / 255).astype(np.float32)).save(path), "floats"),
    "float-255.tif": (lambda path: Image.fromarray(GREY.astype(np.float32)).save(path), "floats"),
    "double.tif": (lambda path: write_tiff(path, GREY.astype("<f8").tobytes(), (16, 12), 64, sample_format=3), "kind"),
    "32-bit.tif": (lambda path: Image.fromarray(DEEP.astype(np.int32)).save(path), "32 bits"),
    "16-signed.tif": (
        lambda path: write_tiff(path, DEEP.astype("<i2").tobytes(), (16, 12), 16, sample_format=2), "signed"
    ),
    "8-signed.tif": (lambda path: write_tiff(path, GREY.tobytes(), (16, 12), 8, sample_format=2), "signed"),
    "lab.tif": (lambda path: Image.new("LAB", (16, 12)).save(path), "LAB"),
    "half-transparent.png": (lambda path: Image.new("RGBA", (16, 12), (1, 2, 3, 128)).save(path), "transparent"),
    "transparent-grey.png": (lambda path: Image.new("LA", (16, 12), (1, 0)).save(path), "transparent"),
    "transparent.webp": (lambda path: Image.new("RGBA", (16, 12), (1, 2, 3, 9)).save(path, lossless=True), "transpar"),
    "transparent-palette.png": (lambda path: palette(COLOUR).save(path, transparency=0), "transparent"),
    "transparent-palette.gif": (lambda path: palette(COLOUR).save(path, transparency=0), "transparent"),
    "key-colour.png": (lambda path: write_key_colour(path, tuple(COLOUR[0, 3])), "transparent"),
    "16-key-colour.png": (
        lambda path: write_key_colour(path, tuple(257 * int(one) for one in COLOUR[0, 3]), np.uint16), "transparent"
    ),
    "16-key-grey.png": (lambda path: write_png(path, DEEP, before=[(b"tRNS", b"\0\0")]), "transparent"),
    "key-grey.png": (lambda path: Image.fromarray(GREY).save(path, transparency=17), "transparent"),
    "key-bit.png": (lambda path: Image.fromarray(GREY > 100).save(path, transparency=1), "transparent"),
    "unmarked-inks.jpg": (write_unmarked_inks, "Adobe"),
    "animated.gif": (write_animation, "several images"),
    "animated.png": (write_animation, "several images"),
    "animated.webp": (write_animation, "several images"),
    "pages.tif": (write_animation, "several images"),
    "empty.png": (lambda path: path.write_bytes(b""), "cannot be read as an image"),
    "text.jpg": (lambda path: path.write_text("<html>404</html>"), "cannot be read as an image"),
    "no-width.png": (lambda path: write_png(path, np.zeros((4, 0), np.uint8)), "cannot be read as an image"),
    "postscript.png": (lambda path: Image.fromarray(GREY).save(path, "EPS"), "cannot be read as an image"),
    "folder.png": (lambda path: path.mkdir(), "cannot be read as an image"),
    **{f"cut.{end}": (write_cut, "cannot be read as an image") for end in ("png", "jpg", "gif", "bmp", "webp", "ppm",
                                                                            "tif")},
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_values_are_right(tmp_path: Path, name: str) -> None:
    write, shown = READ[name]
    write(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.mode == ("L" if shown.ndim == 2 else "RGB")
    assert np.array_equal(np.asarray(image), shown)
    assert is_grey_picture(tmp_path / name) == (shown.ndim == 2)
    assert picture_size(tmp_path / name) == shown.shape[:2]
    rgb = read_picture(tmp_path / name)
    assert torch.equal(rgb, torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1))


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_one_reading_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write, why = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(DataError, match=why) as error:
        read_image(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_16_bits_of_colour_keep_the_upper_8_as_those_of_grey_do(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (12, 16, 3)).astype(np.uint16)
    write_png(tmp_path / "colour.png", deep)
    write_png(tmp_path / "grey.png", deep[..., 0])
    assert np.array_equal(np.asarray(read_image(tmp_path / "colour.png")), deep >> 8)
    assert np.array_equal(np.asarray(read_image(tmp_path / "grey.png")), deep[..., 0] >> 8)


def test_colours_one_behind_the_other_are_read_or_refused(tmp_path: Path) -> None:
    """Pillow takes an uncompressed TIFF of 16 bits of these for one of 8."""
    tifffile = pytest.importorskip("tifffile")
    path, deep = tmp_path / "a.tif", (257 * COLOUR.astype(np.uint16)).transpose(2, 0, 1)
    for pixels, compression in ((deep >> 8).astype(np.uint8), None), (deep, "zlib"):
        tifffile.imwrite(path, pixels, photometric="rgb", planarconfig="separate", compression=compression)
        assert np.array_equal(np.asarray(read_image(path)), COLOUR)
    tifffile.imwrite(path, deep, photometric="rgb", planarconfig="separate")
    with pytest.raises(DataError, match=r"a\.tif has one colour behind the other, of 16 bits"):
        read_image(path)


def test_inks_of_a_jpeg_are_inverted_where_adobe_says_so(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 12), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    assert read_picture(tmp_path / "red.jpg")[:, 0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)


def test_the_first_image_of_a_camera_s_file_counts(tmp_path: Path) -> None:
    frames = [Image.fromarray(one) for one in (COLOUR, COLOUR[:, ::-1])]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:], quality=100)
    assert np.abs(np.asarray(read_image(tmp_path / "a.jpg")).astype(int) - COLOUR).max() < 60


def test_8_bits_are_what_pillow_gives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for mode in ("RGB", "L"):
        for end in ("jpg", "png"):
            path = tmp_path / f"{mode}.{end}"
            Image.fromarray(noise).convert(mode).save(path)
            assert np.array_equal(np.asarray(read_image(path)), np.asarray(Image.open(path)))


def test_exif_that_is_nonsense_turns_nothing(tmp_path: Path) -> None:
    for exif in (b"nonsense", orientation_exif(9), orientation_exif(0)):
        write_png(tmp_path / "a.png", COLOUR, before=[(b"eXIf", exif)])
        assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), COLOUR)
        assert picture_size(tmp_path / "a.png") == (12, 16)


def test_a_name_that_is_no_text_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / b"\xff.png".decode(errors="surrogateescape")
    write_png(path, COLOUR)
    assert np.array_equal(np.asarray(read_image(path)), COLOUR)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Class folders of 16x12 ramps of 16 bits grey."""
    for half in ("train", "test"):
        for label in ("cat", "dog"):
            (tmp_path / "pets" / half / label).mkdir(parents=True)
            write_png(tmp_path / "pets" / half / label / "0.png", DEEP)
    return tmp_path / "pets"


def test_classification_reads_what_the_loader_reads(pets: Path) -> None:
    data = load_classification(f"imagefolder:{pets}")
    assert data.train_images.shape == (2, 1, 12, 16)
    assert torch.equal(data.train_images[0, 0], torch.from_numpy(GREY.copy()))
    Image.fromarray((GREY / 255).astype(np.float32)).save(pets / "train" / "cat" / "1.tif")
    with pytest.raises(DataError, match=r"1\.tif has samples that are floats"):
        load_classification(f"imagefolder:{pets}")


def test_streamed_images_are_those_of_the_loader(pets: Path) -> None:
    options = {"image_size": 12, "stream": {"workers": 1, "crop_pct": 1.0}}
    task = create_task("classification", f"imagefolder:{pets}", **options)
    column = task.example(1)[0, 0, 5]
    assert (column.diff() > 0).all(), "a ramp"
    Image.new("RGBA", (16, 12), (1, 2, 3, 128)).save(pets / "train" / "cat" / "0.png")
    with pytest.raises(DataError, match=r"0\.png is transparent in places"):
        task.example(1)


def test_super_resolution_reads_what_the_loader_reads(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", DEEP)
    ((_, high),) = [
        pair.read() for pair in load_super_resolution(f"sr:{tmp_path} -> sr:{tmp_path}", scale=2).train.pairs
    ]
    assert torch.equal(high, torch.from_numpy(GREY.copy()).expand(3, -1, -1))


@pytest.mark.parametrize("image_size", [None, 8])
def test_a_link_that_leads_nowhere_is_named(pets: Path, image_size: int | None) -> None:
    (pets / "train" / "cat" / "1.png").symlink_to(pets / "gone.png")
    with pytest.raises(DataError, match=r"1\.png cannot be read"):
        load_classification(f"imagefolder:{pets}", image_size=image_size)
    with pytest.raises(DataError, match=r"1\.png cannot be read"):
        create_task("classification", f"imagefolder:{pets}", image_size=8, stream={"workers": 1})
