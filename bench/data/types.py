"""Loaded data: values that cannot change, with a hash over everything in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

#: Per channel over the images of ImageNet, in [0, 1]; timm has the same.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ClassificationData:
    """Images with labels, a training and a test set.

    Attributes
    ----------
    name : str
        As given to ``load_classification``.
    revision : str
        16 hex digits of a SHA-256 over all images, labels and class names.
    train_images, test_images : Tensor
        ``(n, c, h, w)``, uint8, c = 1 or 3.
    train_labels, test_labels : Tensor
        ``(n,)``, int64, in ``[0, len(classes))``.
    classes : tuple of str
        Names by label.
    mean, std : tuple of float
        Per channel over the training images, in [0, 1].
    """

    name: str
    revision: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def create(
        cls,
        name: str,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        classes: Iterable[str],
    ) -> ClassificationData:
        """Derive revision, mean and std from ``(images, labels)`` of both sets."""
        classes = tuple(classes)
        mean, std = _channel_statistics(train[0])
        return cls(name, revision_of([*train, *test], classes), *train, *test, classes, mean, std)

    def split(self, name: str, held_out: Tensor) -> ClassificationData:
        """Test on the training images that a mask ``(n,)`` names, and train on the others."""
        train, test = ((self.train_images[part], self.train_labels[part]) for part in (~held_out, held_out))
        return ClassificationData.create(name, train, test, self.classes)


@dataclass(frozen=True)
class ImageFiles:
    """Files of images with labels, read when they are needed.

    Attributes
    ----------
    name : str
        As given to ``scan_classification``.
    revision : str
        ``names-sizes:`` and 16 hex digits of a SHA-256 over names, sizes and labels of all files and the class names;
        not over their content, so that an edit that keeps a file's size goes unnoticed.
    root : Path
        The folder that the names start from.
    train_files, test_files : ndarray
        ``(n,)``, names as bytes: an array, as worker processes would each copy a list while they read it.
    train_sizes, test_sizes : Tensor
        ``(n,)``, bytes.
    train_labels, test_labels, classes
        As in ``ClassificationData``.
    mean, std : tuple of float
        ImageNet's, which nearly all published weights have.
    """

    name: str
    revision: str
    root: Path
    train_files: np.ndarray
    train_sizes: Tensor
    train_labels: Tensor
    test_files: np.ndarray
    test_sizes: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    @classmethod
    def create(
        cls,
        name: str,
        root: Path,
        train: tuple[np.ndarray, Tensor, Tensor],
        test: tuple[np.ndarray, Tensor, Tensor],
        classes: Iterable[str],
    ) -> ImageFiles:
        """Derive the revision from ``(names, sizes, labels)`` of both sets."""
        classes = tuple(classes)
        names = [f"{len(train[0])}", *(file.decode() for part in (train, test) for file in part[0]), *classes]
        revision = f"names-sizes:{revision_of([*train[1:], *test[1:]], names)}"
        return cls(name, revision, root, *train, *test, classes)

    def split(self, name: str, held_out: Tensor) -> ImageFiles:
        """Test on the training images that a mask ``(n,)`` names, and train on the others."""
        train, test = (
            (self.train_files[part.numpy()], self.train_sizes[part], self.train_labels[part])
            for part in (~held_out, held_out)
        )
        return ImageFiles.create(name, self.root, train, test, self.classes)


def revision_of(tensors: Iterable[Tensor], names: Iterable[str]) -> str:
    """16 hex digits of a SHA-256 over the tensors (shape, type, bytes) and names."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().numpy().data)
    for name in names:
        digest.update(f"\0{name}".encode())
    return digest.hexdigest()[:16]


def _channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, ``(n, c, h, w)`` uint8 as [0, 1].

    From counts of the 256 values: exact whatever the order of summation, and without a float copy of the
    images.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten(), minlength=256).double()
        share = counts / counts.sum()
        average = (share * values).sum()
        mean.append(average.item())
        deviation = (share * (values - average) ** 2).sum().sqrt().item()
        std.append(deviation or 1.0)  # a constant channel is left unscaled
    return tuple(mean), tuple(std)
