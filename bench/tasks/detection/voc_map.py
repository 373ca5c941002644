"""Mean average precision as PASCAL VOC defines it (Everingham et al., IJCV 2010, section 4.2; development kit VOC2007).

torchmetrics and pycocotools have COCO's: the mean of the precision at 101 recalls, in which a detection may take an
object that another one overlaps more, and objects marked as difficult are not known. The papers' numbers on VOC 2007
are means at 11 recalls, which no kept-up library has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

OVERLAP = 0.5
"""Least intersection over union of a detection with the object it finds."""
RECALLS = 10
"""Precision is taken at recalls of 0, 1/10, ..., 1 by the rule of 2007."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects that a model found in one image.

    Attributes
    ----------
    boxes : Tensor
        ``(n, 4)``, left, top, right, bottom.
    scores, labels : Tensor
        ``(n,)``; labels are counted from 1.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects that are in one image: ``boxes`` and ``labels`` as in ``Detections``, ``difficult`` ``(n,)`` bool."""

    boxes: Tensor
    labels: Tensor
    difficult: Tensor


def mean_average_precision(found: Sequence[Detections], there: Sequence[Objects], classes: int) -> dict[str, float]:
    """Score detections over all images.

    Parameters
    ----------
    found, there : sequence
        Image by image.
    classes : int
        How many; those that no object is of, difficult ones aside, are left out of the mean.

    Returns
    -------
    dict of str to float
        ``map_voc07``, the mean over the classes of the average precision at 11 recalls, and ``map_area``, of the area
        under the curve of precision, made to fall, as from VOC 2010 on. In percent; NaN without objects.
    """
    curves = [_curve(found, there, label) for label in range(1, 1 + classes)]
    curves = [(hits, misses, objects) for hits, misses, objects in curves if objects]
    if not curves:
        return {"map_voc07": math.nan, "map_area": math.nan}
    return {
        "map_voc07": 100 * float(np.mean([eleven_points(*curve) for curve in curves])),
        "map_area": 100 * float(np.mean([area(*curve) for curve in curves])),
    }


def eleven_points(hits: np.ndarray, misses: np.ndarray, objects: int) -> float:
    """Average the best precision at each of 11 recalls or beyond (VOC 2007).

    Parameters
    ----------
    hits, misses : ndarray
        ``(n,)`` int, how many of the best 1, ..., n detections are right and wrong.
    objects : int
        How many there are to find.
    """
    precision = hits / np.maximum(hits + misses, 1)
    # whole numbers: 3/10 as a float is not what three of ten objects are
    best = [precision[RECALLS * hits >= step * objects].max(initial=0.0) for step in range(RECALLS + 1)]
    return float(np.mean(best))


def area(hits: np.ndarray, misses: np.ndarray, objects: int) -> float:
    """Area under precision over recall, with the best precision at this recall or beyond (VOC from 2010 on)."""
    precision = hits / np.maximum(hits + misses, 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    gained = np.diff(hits, prepend=0)
    return float((gained * falling).sum() / objects)


def _curve(found: Sequence[Detections], there: Sequence[Objects], label: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the hits and misses up to each detection of a class, best first, and how many objects there are."""
    scores, wanted, ignored, objects = [], [], [], 0
    for image, (detected, truth) in enumerate(zip(found, there, strict=True)):
        of_class = truth.labels == label
        boxes, difficult = truth.boxes[of_class], truth.difficult[of_class]
        mine = detected.labels == label
        objects += int((~difficult).sum())
        scores.append(detected.scores[mine].double())
        target, easy = _overlapped(detected.boxes[mine], boxes, difficult)
        wanted += [(image, one) if one >= 0 else None for one in target.tolist()]
        ignored.append(~easy)
    order = torch.cat(scores).argsort(descending=True, stable=True)
    counted = order[~torch.cat(ignored)[order]].tolist()
    taken: set[tuple[int, int]] = set()
    right = []
    for number in counted:
        one = wanted[number]
        right.append(one is not None and one not in taken)
        if one is not None:
            taken.add(one)
    hit = np.array(right, dtype=np.int64)
    return hit.cumsum(), (1 - hit).cumsum(), objects


def _overlapped(boxes: Tensor, objects: Tensor, difficult: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each box the object it overlaps most, -1 where that is too little, and whether it counts.

    A box over a difficult object counts neither way.
    """
    if not len(boxes) or not len(objects):
        return torch.full((len(boxes),), -1), torch.ones(len(boxes), dtype=torch.bool)
    overlap, target = box_iou(boxes.double(), objects.double()).max(dim=1)
    close = overlap >= OVERLAP
    return torch.where(close, target, -1), ~(close & difficult[target])
