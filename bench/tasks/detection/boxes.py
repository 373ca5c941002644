"""SSD300's default boxes: objects encoded as targets for them, outputs decoded to detections.

Liu et al., SSD: Single Shot MultiBox Detector, 2016, sections 2.2 and 3.1, with the sizes of its VOC models. Boxes,
coding and matching are torchvision's.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image

from .voc_map import Detections

IMAGE_SIZE = 300
MAPS = (38, 19, 10, 5, 3, 1)
"""Sides of the feature maps that boxes are predicted from."""
STEPS = [8, 16, 32, 64, 100, 300]
SCALES = [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05]
"""Side of the boxes of each map, relative to the image's, and the one that would come next."""
RATIOS = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
MATCH_OVERLAP = 0.5
LEAST_SCORE, MOST_CANDIDATES, NMS_OVERLAP, MOST_DETECTIONS = 0.01, 400, 0.45, 200

_CODER = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))  # the inverse of the "variances" 0.1 and 0.2


@functools.cache
def default_boxes(device: torch.device) -> Tensor:
    """Return the 8732 default boxes, ``(8732, 4)``: left, top, right, bottom in pixels.

    Feature map by feature map from the finest, row by row, box by box.
    """
    generator = DefaultBoxGenerator(RATIOS, scales=SCALES, steps=STEPS)
    image = ImageList(torch.empty(1, 3, IMAGE_SIZE, IMAGE_SIZE), [(IMAGE_SIZE, IMAGE_SIZE)])
    return generator(image, [torch.empty(1, 1, side, side) for side in MAPS])[0].to(device)


def encode(boxes: Tensor, labels: Tensor) -> Tensor:
    """Return the target of each default box.

    Parameters
    ----------
    boxes : Tensor
        ``(n, 4)`` objects of one image of 300x300, in pixels; there may be none.
    labels : Tensor
        ``(n,)``, from 1.

    Returns
    -------
    Tensor
        ``(8732, 5)`` float32: four offsets and the label, 0 for the background. A default box belongs to the object it
        overlaps most, if by half or more; besides, the one that overlaps an object most belongs to that.
    """
    anchors = default_boxes(boxes.device)
    target = torch.zeros(len(anchors), 5, device=boxes.device)
    if len(boxes):
        matched = SSDMatcher(MATCH_OVERLAP)(box_iou(boxes, anchors))
        chosen = torch.nonzero(matched >= 0).flatten()
        target[chosen, :4] = _CODER.encode_single(boxes[matched[chosen]], anchors[chosen])
        target[chosen, 4] = labels[matched[chosen]].float()
    return target


def decode(offsets: Tensor, logits: Tensor) -> Detections:
    """Return what was found in one image of 300x300, the surest first.

    Parameters
    ----------
    offsets, logits : Tensor
        ``(8732, 4)`` and ``(8732, classes)``, the background first.

    Returns
    -------
    Detections
        At most 200: of each class the 400 boxes with the highest softmax above 0.01, less those that overlap a better
        one of their class by more than 0.45.
    """
    boxes = clip_boxes_to_image(_CODER.decode_single(offsets, default_boxes(offsets.device)), (IMAGE_SIZE, IMAGE_SIZE))
    scores = logits.softmax(dim=1)[:, 1:]
    best, places = scores.topk(min(MOST_CANDIDATES, len(scores)), dim=0)  # (400, classes - 1)
    labels = torch.arange(1, 1 + scores.shape[1], device=scores.device).expand_as(best)
    sure = best > LEAST_SCORE
    best, places, labels = best[sure], places[sure], labels[sure]
    kept = batched_nms(boxes[places], best, labels, NMS_OVERLAP)[:MOST_DETECTIONS]
    return Detections(boxes[places[kept]], best[kept], labels[kept])
