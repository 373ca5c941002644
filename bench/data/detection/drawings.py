"""``drawings``: rectangles, ellipses and triangles on a noisy ground, always the same; to try detection on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..registry import DataInfo, DataOutline, register_data
from ..types import revision_of
from .scenes import DetectionData, Scene

CLASSES = ("rectangle", "ellipse", "triangle")
HEIGHT, WIDTH = 120, 160
TRAIN, TEST = 120, 40
SEED = 20071107


def load_drawings(name: str, folder: Path | None = None) -> DetectionData:
    """Draw 120 images to train and 40 to test on, 160x120, of one to three objects each."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = [_draw(generator) for _ in range(TRAIN + TEST)]
    scenes = [
        Scene(str(number), lambda image=image: image, boxes, labels, torch.zeros(len(labels), dtype=torch.bool))
        for number, (image, boxes, labels) in enumerate(drawn)
    ]
    revision = revision_of((tensor for one in drawn for tensor in one), CLASSES)
    return DetectionData(name, revision, tuple(scenes[:TRAIN]), tuple(scenes[TRAIN:]), CLASSES)


def _draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return an image ``(3, h, w)``, boxes ``(n, 4)`` and labels ``(n,)``."""
    image = torch.randint(96, 160, (3, HEIGHT, WIDTH), generator=generator, dtype=torch.uint8)
    taken = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    boxes, labels = [], []
    for _ in range(int(torch.randint(1, 4, (), generator=generator))):
        height, width = (int(side) for side in torch.randint(30, 71, (2,), generator=generator))
        top = int(torch.randint(HEIGHT - height + 1, (), generator=generator))
        left = int(torch.randint(WIDTH - width + 1, (), generator=generator))
        label = int(torch.randint(1, 1 + len(CLASSES), (), generator=generator))
        # each colour is black or white, but not both of all three alike
        colour = 255 * torch.tensor([int(bit) for bit in f"{int(torch.randint(1, 7, (), generator=generator)):03b}"])
        place = (slice(top, top + height), slice(left, left + width))
        if taken[place].any():
            continue  # objects do not cover each other
        taken[place] = True
        image[:, *place] = torch.where(_shape(label, height, width), colour.view(3, 1, 1), image[:, *place]).byte()
        boxes.append([left, top, left + width, top + height])
        labels.append(label)
    return image, torch.tensor(boxes, dtype=torch.float32), torch.tensor(labels)


def _shape(label: int, height: int, width: int) -> Tensor:
    """Return which pixels of its box an object covers, ``(height, width)`` bool."""
    down = ((torch.arange(height) + 0.5) / height).view(-1, 1)
    right = ((torch.arange(width) + 0.5) / width).view(1, -1)
    if CLASSES[label - 1] == "ellipse":
        return (2 * down - 1) ** 2 + (2 * right - 1) ** 2 <= 1
    if CLASSES[label - 1] == "triangle":
        return (2 * right - 1).abs() <= down
    return torch.ones(height, width, dtype=torch.bool)


register_data(
    DataInfo(
        "drawings",
        "detection",
        "120 + 40 drawings of rectangles, ellipses, triangles",
        "made when loaded",
        outline=DataOutline(3, None, len(CLASSES)),
        load=load_drawings,
    )
)
