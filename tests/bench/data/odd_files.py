"""Image files that Pillow does not write: PNG of 16 bits a colour, with chunks anywhere; TIFF of any kind of sample."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def orientation_exif(orientation: int) -> bytes:
    """Return EXIF that holds an orientation and nothing else, as a PNG's chunk has it."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def write_png(path: Path, pixels: np.ndarray, *, before: tuple = (), after: tuple = ()) -> None:
    """Write ``(h, w)`` or ``(h, w, c)``, uint8 or uint16, with chunks ``(kind, content)`` around the pixels' own."""
    height, width, *channels = pixels.shape
    header = struct.pack(
        ">IIBBBBB", width, height, 8 * pixels.itemsize, COLOUR_TYPES[channels[0] if channels else 1], 0, 0, 0
    )
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = [(b"IHDR", header), *before, (b"IDAT", packed), *after, (b"IEND", b"")]
    content = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(content))


def write_tiff(
    path: Path, samples: bytes, size: tuple[int, int], bits: int, *, sample_format: int = 1, photometric: int = 1
) -> None:
    """Write a grey TIFF from its bytes as they lie in the file; ``size`` is width and height."""
    width, height = size
    offset = 8 + len(samples) + len(samples) % 2
    tags = (
        (256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height),
        (279, len(samples)), (339, sample_format),
    )  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", offset) + samples + b"\0" * (len(samples) % 2)
    path.write_bytes(head + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0))
