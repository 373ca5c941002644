"""The embedded subset of Fashion-MNIST, made from the original IDX files, byte for byte the same each time.

    python tools/embed.py FOLDER_OF_IDX_FILES OUTPUT

Debian's package ``dataset-fashion-mnist`` has the files. xz packs the images better than PNG, lossless WebP or row
filters before xz do.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from decompbench.bench.data.images.idx import read_idx_folder

TRAIN_PER_CLASS = 1000
TEST_PER_CLASS = 200

# Four literal context bits were the best of the settings tried: 4.49 MB from 9.4 MB of pixels.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 2}]


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Indices of the first ``count`` of every class, ascending."""
    chosen = [torch.nonzero(labels == label).flatten()[:count] for label in labels.unique()]
    return torch.cat(chosen).sort().values


def embed(folder: Path) -> bytes:
    """The content of the embedded file."""
    tensors = {}
    for which, (images, labels), count in zip(
        ("train", "test"), read_idx_folder(folder), (TRAIN_PER_CLASS, TEST_PER_CLASS), strict=True
    ):
        chosen = first_of_each_class(labels, count)
        tensors[f"{which}_images"] = images[chosen, 0].contiguous()
        tensors[f"{which}_labels"] = labels[chosen].to(torch.uint8)
    content = safetensors.torch.save(tensors)
    return lzma.compress(content, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=_FILTERS)


def main(arguments: list[str]) -> int:
    """Write the file; the arguments are the folder and the output."""
    if len(arguments) != 2:
        print("usage: python tools/embed.py FOLDER_OF_IDX_FILES OUTPUT", file=sys.stderr)
        return 2
    content = embed(Path(arguments[0]))
    Path(arguments[1]).write_bytes(content)
    print(f"{arguments[1]}: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
