"""Image classification: cross-entropy, top-1 accuracy, random flips and shifted crops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_stat_scores

from ...methods.spec import evaluating
from ..data import ClassificationData, find_data, load_classification
from .base import Metric, Outline, Task, TaskError, TaskOptions, check_fraction, device_of
from .registry import register_task

AUXILIARY_WEIGHT = 0.3
"""Weight of an auxiliary classifier's loss."""


class ClassificationOptions(TaskOptions):
    """Options of classification.

    Attributes
    ----------
    flip : bool
        Mirror half of the training images left to right.
    crop_padding : int
        Shift training images by up to this many pixels, zeros coming in.
    label_smoothing : float
        Of the training loss.
    mean, std : tuple of float, optional
        Normalisation per channel, of images in [0, 1]; by default that of the training images. Weights
        trained elsewhere need theirs.
    image_size : int, optional
        For ``imagefolder``: scale and cut all images to squares of this size.
    eval_batch_size : int
        Images at a time in ``evaluate``.
    """

    flip: bool = True
    crop_padding: int = Field(default=4, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    image_size: int | None = Field(default=None, gt=0)
    eval_batch_size: int = Field(default=250, gt=0)


@register_task
@dataclass(frozen=True)
class Classification(Task):
    """Images held in memory as uint8; inputs ``(b, c, h, w)`` float, targets ``(b,)`` int64."""

    name = "classification"
    metrics = (Metric("top1", "%", True), Metric("cross_entropy", "nats", False))
    options_type = ClassificationOptions

    data: ClassificationData
    options: ClassificationOptions

    def __post_init__(self) -> None:
        channels = self.data.train_images.shape[1]
        for key in ("mean", "std"):
            given = getattr(self.options, key)
            if given is not None and len(given) != channels:
                raise TaskError(
                    f"{key} has {len(given)} values; the images of {self.data.name} have {channels} channels."
                )

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: ClassificationOptions) -> Self:
        return cls(load_classification(data, root, image_size=options.image_size), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: ClassificationOptions) -> Outline:
        known = find_data(data, cls.name).outline
        if known is None:
            return super().outline(data, root, options)
        return Outline({"in_chans": known.channels, "num_classes": known.classes}, (known.channels, *known.size))

    @property
    def data_name(self) -> str:
        return self.data.name

    @property
    def data_revision(self) -> str:
        return self.data.revision

    def model_kwargs(self) -> dict[str, Any]:
        return {"in_chans": self.data.train_images.shape[1], "num_classes": len(self.data.classes)}

    def example(self, batch_size: int = 1) -> Tensor:
        images = self.data.train_images
        return self._normalise(images[torch.arange(batch_size) % len(images)])

    def steps_per_epoch(self, batch_size: int) -> int:
        return max(1, len(self.data.train_images) // batch_size)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled full batches; an incomplete one at the end is left out, unless it is the only one."""
        order = torch.randperm(len(self.data.train_images), generator=generator)
        for step in range(self.steps_per_epoch(batch_size)):
            chosen = order[step * batch_size : (step + 1) * batch_size]
            images = self.data.train_images[chosen].to(device, non_blocking=True)
            images = self._augment(images, generator)
            yield self._normalise(images), self.data.train_labels[chosen].to(device, non_blocking=True)

    def loss(self, output: Tensor | tuple[Tensor | None, ...], target: Tensor) -> Tensor:
        """Cross-entropy; that of auxiliary classifiers, which some networks have while training, is added.

        They come after the logits in a tuple and count 0.3 each (Szegedy et al., Going Deeper with Convolutions, 2015).
        """
        logits, *auxiliary = (output,) if isinstance(output, Tensor) else output
        smoothing = self.options.label_smoothing
        assert logits is not None
        loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
        for other in auxiliary:
            if other is not None:
                loss = loss + AUXILIARY_WEIGHT * F.cross_entropy(other, target, label_smoothing=smoothing)
        return loss

    def distillation_loss(self, output: Tensor, teacher_output: Tensor, temperature: float) -> Tensor:
        """``T² KL(teacher ‖ student)`` of the softmax at temperature ``T`` (Hinton et al., 2015).

        The factor keeps the gradients' size whatever the temperature.
        """
        student, teacher = (F.log_softmax(logits / temperature, dim=1) for logits in (output, teacher_output))
        return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        device = device_of(model)
        with evaluating(model):
            outputs = [
                model(self._normalise(images.to(device))).float().cpu()
                for images in self.data.test_images.split(self.options.eval_batch_size)
            ]
        logits, labels = torch.cat(outputs), self.data.test_labels
        if logits.shape != (len(labels), len(self.data.classes)):
            raise TaskError(
                f"The model puts out {tuple(logits.shape[1:])} values an image; {self.data.name} has "
                f"{len(self.data.classes)} classes."
            )
        cross_entropy = F.cross_entropy(logits.double(), labels).item()
        if not logits.isfinite().all():
            return {"top1": math.nan, "cross_entropy": cross_entropy}
        # Counts, as torchmetrics' accuracy is a float32 with its rounding.
        counts = multiclass_stat_scores(logits, labels, num_classes=logits.shape[1], average="micro")
        return {"top1": 100 * counts[0].item() / len(labels), "cross_entropy": cross_entropy}

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """Every class gives the same part of its training images, drawn by ``seed``."""
        check_fraction(fraction)
        data = self.data
        generator = torch.Generator().manual_seed(seed)
        held_out = torch.zeros(len(data.train_labels), dtype=torch.bool)
        for label in range(len(data.classes)):
            of_class = torch.nonzero(data.train_labels == label).flatten()
            shuffled = of_class[torch.randperm(len(of_class), generator=generator)]
            held_out[shuffled[: round(fraction * len(of_class))]] = True
        if held_out.all() or not held_out.any():
            raise TaskError(f"{data.name} has too few images a class to split off {fraction:.0%}.")
        split = ClassificationData.create(
            f"{data.name}[validation {fraction:g}, seed {seed}]",
            (data.train_images[~held_out], data.train_labels[~held_out]),
            (data.train_images[held_out], data.train_labels[held_out]),
            data.classes,
        )
        return replace(self, data=split)

    def _normalise(self, images: Tensor) -> Tensor:
        """uint8 ``(b, c, h, w)`` to float, mean and standard deviation taken out."""
        scale = 255 * torch.tensor(self.options.std or self.data.std, device=images.device).view(1, -1, 1, 1)
        shift = 255 * torch.tensor(self.options.mean or self.data.mean, device=images.device).view(1, -1, 1, 1)
        return images.float().sub_(shift).div_(scale)

    def _augment(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror and shift each image of a uint8 batch; three numbers are drawn per image, used or not."""
        count, device = len(images), images.device
        padding = self.options.crop_padding
        shift = torch.randint(2 * padding + 1, (2, count), generator=generator)
        mirrored = torch.randint(2, (count,), generator=generator).bool()
        if padding:
            height, width = images.shape[2:]
            windows = F.pad(images, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
            rows, columns = shift.to(device)
            images = windows[torch.arange(count, device=device), :, rows, columns]
        if self.options.flip:
            images = torch.where(mirrored.to(device).view(-1, 1, 1, 1), images.flip(3), images)
        return images
