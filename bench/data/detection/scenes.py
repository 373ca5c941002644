"""Scenes: images with objects in boxes, the data of detection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Scene:
    """An image and the objects in it.

    Attributes
    ----------
    name : str
        For messages.
    read : callable
        Returns the image, ``(3, h, w)`` uint8.
    boxes : Tensor
        ``(n, 4)`` float32, left, top, right and bottom edge in pixels: the whole image has 0, 0, w, h.
    labels : Tensor
        ``(n,)`` int64, counted from 1 as 0 is the background.
    difficult : Tensor
        ``(n,)`` bool: objects that a detector need not find, and is not blamed for finding.
    """

    name: str
    read: Callable[[], Tensor]
    boxes: Tensor
    labels: Tensor
    difficult: Tensor


@dataclass(frozen=True, eq=False)
class DetectionData:
    """Scenes to train and to test on.

    Attributes
    ----------
    name : str
        As given to ``load_detection``.
    revision : str
        16 hex digits of a SHA-256 over all images and annotations.
    train, test : tuple of Scene
        The two sets.
    classes : tuple of str
        Names by label, the background not among them: label 1 is the first.
    """

    name: str
    revision: str
    train: tuple[Scene, ...]
    test: tuple[Scene, ...]
    classes: tuple[str, ...]
