"""The pixels that Pillow decodes, of any mode, as 8 bits grey or RGB. What has no one reading is refused.

Pillow reads every format in ``pictures.SUFFIXES`` and tells modes, palettes, transparency and the bits of a sample;
torchvision.io reads no TIFF, BMP or PPM, and tells nothing of palettes and inks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..errors import DataError

DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of 16 bits grey."""
GREY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)
"""Modes without colour. A palette counts as colour, whatever is in it."""
COLOUR_MODES = ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
STRAIGHT = {"La": "LA", "RGBa": "RGBA"}
"""By modes of colours that are multiplied by their opacity, the modes in which they are not."""
SEVERAL_SENSES = {"I": "of 32 bits, or signed ones", "F": "that are floats"}
"""Modes whose values have no range of their own: 1 may be white, or 255, or what a detector counts."""
SCALED_FORMATS = ("PNG", "PPM")
"""Formats whose 16 bits Pillow may give as 32, scaled to 65535."""
BITS, COMPRESSION, PHOTOMETRIC, PLANES, SAMPLE_FORMAT = 258, 259, 262, 284, 339
"""Tags of TIFF (Adobe, TIFF 6.0, 1992)."""
UNCOMPRESSED, WHITE_IS_ZERO, APART, NOT_SIGNED = 1, 0, 2, (1, 4)


def is_grey(image: Image.Image) -> bool:
    """Whether an opened image has no colour, by its header alone."""
    return image.mode in GREY_MODES or _is_deep(image)


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Return an opened image in Pillow's mode ``L`` where it is grey, else in ``RGB``.

    8 bits stay as they are; of 16 bits the upper 8 are kept, as Pillow does it with 16 bits of colour: what had 8 bits
    and was saved with 16 comes back exactly. Inks (CMYK) become RGB by Pillow's formula, without a colour profile. An
    alpha channel that is opaque everywhere is left out.

    Raises
    ------
    DataError
        Samples are floats, signed or of 32 bits, whose range no file tells; a pixel is transparent; it is not known
        whether inks are inverted; or the mode is another one, such as LAB. The message begins with the verb.
    """
    _refuse_unclear(image)
    grey = is_grey(image)
    if _is_deep(image):
        _refuse_key_colour(image)
        return _upper_bits(image)
    if image.mode in ALPHA_MODES or (image.mode == "P" and "transparency" in image.info):
        image = image.convert(STRAIGHT.get(image.mode, image.mode)).convert("RGBA")
        if image.getchannel("A").getextrema()[0] != 255:
            raise _transparent()
    else:
        _refuse_key_colour(image)
    if grey:
        return image.getchannel("R") if image.mode == "RGBA" else image.convert("L")
    return image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode in DEEP_MODES or (image.mode == "I" and image.format in SCALED_FORMATS)


def _refuse_unclear(image: Image.Image) -> None:
    if image.mode in SEVERAL_SENSES and not _is_deep(image):
        raise DataError(
            f"has samples {SEVERAL_SENSES[image.mode]}, and does not say which is white: save it with 8 or 16 bits"
        )
    if not set(_tag(image, SAMPLE_FORMAT, (1,))) <= set(NOT_SIGNED):
        raise DataError("has signed samples, and does not say which is white: save it with 8 or 16 bits")
    planes = _tag(image, PLANES, (1,)) == (APART,) and _tag(image, COMPRESSION, (UNCOMPRESSED,)) == (UNCOMPRESSED,)
    if planes and max(_tag(image, BITS, (8,))) > 8:
        raise DataError("has one colour behind the other, of 16 bits, which Pillow (13.0) misreads: save it compressed")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        raise DataError("is in inks (CMYK) without Adobe's mark, which tells whether they are inverted: save it as RGB")
    if image.mode not in COLOUR_MODES and not is_grey(image):
        raise DataError(f"has Pillow's mode {image.mode}: save it as grey or RGB, of 8 or 16 bits")


def _refuse_key_colour(image: Image.Image) -> None:
    """Refuse an image in which the one colour that its header declares transparent occurs."""
    key = image.info.get("transparency")
    if key is None:
        return
    pixels, colour = np.asarray(image), np.asarray(key)
    if image.mode == "1":
        colour = colour != 0
    elif image.mode == "RGB" and colour.max() > 255:
        colour = colour >> 8  # it is given with 16 bits, the pixels with 8
    same = pixels == colour
    if (same.all(-1) if same.ndim == 3 else same).any():
        raise _transparent()


def _transparent() -> DataError:
    return DataError("is transparent in places; images must be opaque: put it on the ground that it is to be seen on")


def _upper_bits(image: Image.Image) -> Image.Image:
    """Return the upper 8 of a grey image's bits, of which a TIFF may have fewer than 16."""
    (bits,) = _tag(image, BITS, (16,))
    pixels = np.asarray(image).astype(np.int64) >> (bits - 8)
    if _tag(image, PHOTOMETRIC, (1,))[0] == WHITE_IS_ZERO:  # Pillow inverts those of 8 bits only
        pixels = 255 - pixels
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _tag(image: Image.Image, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return the values of a TIFF's tag; of any other image the default."""
    value: Any = getattr(image, "tag_v2", {}).get(tag, default)
    return value if isinstance(value, tuple) else (value,)
