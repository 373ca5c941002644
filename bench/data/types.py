"""What loaded data is: values that cannot change, with a hash of everything in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import BenchError


class DataError(BenchError):
    """Data that is missing, damaged, too large or not laid out as it must be."""


class UnknownDataError(DataError):
    """No data has this name."""


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
