"""``fashion-mnist-10k``, a part of Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) that ships
with decompbench: 28x28 grey images of clothing, 10 classes.

It is the first 1,000 images of each class of the training file and the first 200 of each class of the test
file, in their original order. ``embed.py`` makes it from the original files.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import safetensors.torch

from ..registry import DataInfo, DataOutline, register_data
from ..types import ClassificationData

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

EMBEDDED = Path(__file__).parents[1] / "files" / "fashion-mnist-10k.safetensors.xz"


def load_embedded(name: str, folder: Path | None = None, image_size: None = None) -> ClassificationData:
    """The 10,000 training and 2,000 test images that ship with decompbench: in no folder and of one size."""
    tensors = safetensors.torch.load(lzma.decompress(EMBEDDED.read_bytes()))
    train = tensors["train_images"].unsqueeze(1), tensors["train_labels"].long()
    test = tensors["test_images"].unsqueeze(1), tensors["test_labels"].long()
    return ClassificationData.create(name, train, test, CLASSES)


LICENCE = "MIT licence, Zalando SE"
OUTLINE = DataOutline(1, (28, 28), len(CLASSES))

register_data(
    DataInfo(
        "fashion-mnist-10k",
        "classification",
        "10,000 + 2,000 grey images 28x28, 10 classes",
        f"embedded; {LICENCE}",
        outline=OUTLINE,
        load=load_embedded,
    )
)
