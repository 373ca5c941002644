"""Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747): 28x28 grey images of clothing, 10
classes.

``fashion-mnist-10k`` is embedded: the first 1,000 images of each class of the training file and the first 200
of each class of the test file, in their original order. ``embed.py`` makes it from the original files.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import safetensors.torch

from .idx import read_idx_folder
from .types import ClassificationData, DataError

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

EMBEDDED = Path(__file__).parent / "files" / "fashion-mnist-10k.safetensors.xz"


def load_embedded(name: str) -> ClassificationData:
    """The 10,000 training and 2,000 test images that ship with decompbench."""
    tensors = safetensors.torch.load(lzma.decompress(EMBEDDED.read_bytes()))
    train = tensors["train_images"].unsqueeze(1), tensors["train_labels"].long()
    test = tensors["test_images"].unsqueeze(1), tensors["test_labels"].long()
    return ClassificationData.create(name, train, test, CLASSES)


def load_full(name: str, folder: Path | None, root: Path) -> ClassificationData:
    """All 60,000 + 10,000 images.

    Parameters
    ----------
    name : str
        Name for the data.
    folder : Path, optional
        Folder of the four IDX files, gzipped or not. Without it torchvision downloads them under ``root``.
    root : Path
        Where torchvision keeps its data sets.
    """
    if folder is None:
        import torchvision

        try:
            torchvision.datasets.FashionMNIST(str(root), train=True, download=True)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"torchvision could not download Fashion-MNIST to {root}: {error}. "
                "If the IDX files are on this machine, name their folder: 'fashion-mnist:FOLDER'."
            ) from error
        folder = root / "FashionMNIST" / "raw"
    train, test = read_idx_folder(folder)
    return ClassificationData.create(name, train, test, CLASSES)
