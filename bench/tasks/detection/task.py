"""Object detection with SSD300: the loss of its paper, mean average precision as PASCAL VOC has it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from ....methods.contract.forward import evaluating
from ...data import find_data
from ...data.detection.load import load_detection
from ...data.detection.scenes import DetectionData, Scene
from ...data.images.pictures import reading_threads
from ...data.types import revision_of
from ..base import Metric, Outline, Task, TaskError, TaskOptions, check_fraction, device_of
from ..registry import register_task
from .boxes import IMAGE_SIZE, decode, default_boxes, encode
from .voc_map import Detections, Objects, mean_average_precision

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NEGATIVES = 3
"""Background boxes in the loss for each box of an object: the worst ones (SSD, section 2.2)."""

Output = tuple[Tensor, Tensor]
"""Offsets ``(b, 8732, 4)`` and logits ``(b, 8732, classes + 1)``."""


class DetectionOptions(TaskOptions):
    """Options of detection.

    Attributes
    ----------
    augment : bool
        Distort colours, zoom out, cut, mirror training images as SSD does (section 2.2); without it they are scaled
        only.
    workers : int
        Processes that read and augment training images; 0 does that in the training's own. The batches are the same.
    eval_batch_size : int
        Images at a time in ``evaluate``.
    """

    augment: bool = True
    workers: int = Field(default=0, ge=0)
    eval_batch_size: int = Field(default=16, gt=0)


@register_task
@dataclass(frozen=True)
class Detection(Task):
    """Inputs ``(b, 3, 300, 300)`` float, targets ``(b, 8732, 5)``: offsets and label of each default box."""

    name = "detection"
    version = 1
    metrics = (Metric("map_voc07", "%", True), Metric("map_area", "%", True))
    options_type = DetectionOptions

    data: DetectionData
    options: DetectionOptions

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: DetectionOptions) -> Self:
        return cls(load_detection(data, root), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: DetectionOptions) -> Outline:
        known = find_data(data, cls.name).outline
        if known is None or known.classes is None:
            return super().outline(data, root, options)
        return Outline(_model_kwargs(known.classes), (3, IMAGE_SIZE, IMAGE_SIZE))

    def model_kwargs(self) -> dict[str, Any]:
        """``num_classes`` has the background among them."""
        return _model_kwargs(len(self.data.classes))

    def example(self, batch_size: int = 1) -> Tensor:
        scenes = self.data.train
        return _normalise(torch.stack([_scaled(scenes[index % len(scenes)].read()) for index in range(batch_size)]))

    def steps_per_epoch(self, batch_size: int) -> int:
        return max(1, len(self.data.train) // batch_size)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled full batches; an incomplete one at the end is left out, unless it is the only one."""
        order = torch.randperm(len(self.data.train), generator=generator).tolist()
        seeds = torch.randint(2**62, (len(order),), generator=generator).tolist()
        steps = self.steps_per_epoch(batch_size)
        drawn = list(zip(order, seeds, strict=True))
        loader = DataLoader(
            _Samples(self.data.train, self.options.augment),
            batch_sampler=[drawn[step * batch_size : (step + 1) * batch_size] for step in range(steps)],
            num_workers=self.options.workers,
            generator=torch.Generator(),  # of the workers, which have no use for it; the global one is left alone
        )
        for images, targets in loader:
            yield _normalise(images.to(device, non_blocking=True)), targets.to(device, non_blocking=True)

    def loss(self, output: Any, target: Tensor) -> Tensor:
        """Smooth L1 of the objects' offsets and cross-entropy of objects and worst backgrounds, an object's box.

        SSD, equations 1 to 3.
        """
        offsets, logits = self._checked(output)
        labels = target[..., 4].long()
        objects = labels > 0
        localisation = F.smooth_l1_loss(offsets[objects], target[..., :4][objects], reduction="sum")
        confidence = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
        worst = confidence.detach().masked_fill(objects, -math.inf).argsort(dim=1, descending=True).argsort(dim=1)
        backgrounds = worst < NEGATIVES * objects.sum(dim=1, keepdim=True)
        return (localisation + confidence[objects | backgrounds].sum()) / objects.sum().clamp(min=1)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Mean average precision on the test images, by VOC's rule of 2007 and by its later one."""
        device = device_of(model)
        found: list[Detections] = []
        with evaluating(model):
            for start in range(0, len(self.data.test), self.options.eval_batch_size):
                scenes = self.data.test[start : start + self.options.eval_batch_size]
                images = list(reading_threads().map(lambda scene: scene.read(), scenes))
                inputs = _normalise(torch.stack([_scaled(image) for image in images]).to(device))
                offsets, logits = self._checked(model(inputs))
                if not (offsets.isfinite().all() and logits.isfinite().all()):
                    return {metric.name: math.nan for metric in self.metrics}
                found += [_to_size(decode(*each), image) for *each, image in zip(offsets, logits, images, strict=True)]
        there = [Objects(scene.boxes, scene.labels, scene.difficult) for scene in self.data.test]
        return mean_average_precision(found, there, len(self.data.classes))

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """Part of the training images, drawn by ``seed``."""
        check_fraction(fraction)
        scenes = self.data.train
        count = round(fraction * len(scenes))
        if not 0 < count < len(scenes):
            raise TaskError(f"{self.data.name} has too few images to split off {fraction:.0%}.")
        order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(seed)).tolist()
        test, train = (tuple(scenes[index] for index in sorted(part)) for part in (order[:count], order[count:]))
        what = f"[validation {fraction:g}, seed {seed}]"
        revision = revision_of((), [self.data.revision, what])
        return replace(self, data=DetectionData(self.data.name + what, revision, train, test, self.data.classes))

    def _checked(self, output: Any) -> Output:
        """Return offsets and logits in float32, having made sure that they are."""
        boxes, labels = len(default_boxes(torch.device("cpu"))), 1 + len(self.data.classes)
        shapes = [tuple(one.shape[1:]) for one in output] if isinstance(output, (tuple, list)) else None
        if shapes != [(boxes, 4), (boxes, labels)]:
            raise TaskError(
                f"Of SSD300's {boxes:,} default boxes a model must put out offsets (b, {boxes}, 4) and logits "
                f"(b, {boxes}, {labels}), as 'ssd300-bn' does; this one puts out {shapes or type(output).__name__}."
            )
        offsets, logits = output
        return offsets.float(), logits.float()


class _Samples(Dataset[tuple[Tensor, Tensor]]):
    """Training scenes by number and seed: image ``(3, 300, 300)`` uint8 and target ``(8732, 5)``."""

    def __init__(self, scenes: Sequence[Scene], augment: bool) -> None:
        self.scenes = scenes
        fill = [round(255 * value) for value in MEAN]
        distortions = [
            v2.RandomPhotometricDistort(),
            v2.RandomZoomOut(fill=fill),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
        ]
        self.transform = v2.Compose(
            [
                *(distortions if augment else []),
                v2.Resize((IMAGE_SIZE, IMAGE_SIZE), antialias=True),
                v2.SanitizeBoundingBoxes(),
            ]
        )

    def __getitem__(self, drawn: tuple[int, int]) -> tuple[Tensor, Tensor]:
        number, seed = drawn
        scene = self.scenes[number]
        image = tv_tensors.Image(scene.read())
        height, width = image.shape[1:]
        counted = ~scene.difficult  # what a detector need not find it is not taught
        boxes = tv_tensors.BoundingBoxes(  # pyright: ignore[reportCallIssue]  # overloads of torch.Tensor
            scene.boxes[counted], format="XYXY", canvas_size=(height, width)
        )
        with torch.random.fork_rng(devices=[]):  # the transforms draw from the global generator
            torch.manual_seed(seed)
            image, objects = self.transform(image, {"boxes": boxes, "labels": scene.labels[counted]})
        return image.as_subclass(Tensor), encode(objects["boxes"].as_subclass(Tensor), objects["labels"])


def _model_kwargs(classes: int) -> dict[str, Any]:
    return {"in_chans": 3, "num_classes": 1 + classes}


def _scaled(image: Tensor) -> Tensor:
    """``(3, h, w)`` to ``(3, 300, 300)`` uint8, whatever its sides' ratio."""
    return v2.functional.resize(image, [IMAGE_SIZE, IMAGE_SIZE], antialias=True)


def _normalise(images: Tensor) -> Tensor:
    """uint8 ``(b, 3, h, w)`` to float, ImageNet's mean and standard deviation taken out."""
    return v2.functional.normalize(images.float().div_(255), list(MEAN), list(STD), inplace=True)


def _to_size(found: Detections, image: Tensor) -> Detections:
    """Return detections in the pixels of the image before it was scaled."""
    height, width = image.shape[1:]
    factors = torch.tensor([width, height, width, height], device=found.boxes.device) / IMAGE_SIZE
    return Detections((found.boxes * factors).cpu(), found.scores.cpu(), found.labels.cpu())
