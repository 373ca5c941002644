"""Image classification: cross-entropy and accuracy, of images in memory or streamed from files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ....methods.contract.forward import evaluating
from ...data import ClassificationData, ImageFiles, find_data, load_classification, scan_classification
from ..base import Metric, Outline, Task, TaskError, TaskOptions, check_fraction, device_of
from ..registry import register_task
from .augment import Augmentation
from .images import Images
from .memory import MemoryImages
from .streamed import StreamedImages, StreamOptions

Output = Tensor | tuple[Tensor | None, ...]
"""Logits ``(b, classes)``, or these followed by those of auxiliary classifiers."""
AUXILIARY_WEIGHT = 0.3
"""Weight of an auxiliary classifier's loss."""
TOP5_CLASSES = 100
"""From so many classes on, top-5 accuracy tells something."""
STREAMED_SIZE = 224
"""Side of streamed images where no ``image_size`` is given."""


class ClassificationOptions(TaskOptions):
    """Options of classification.

    Attributes
    ----------
    flip : bool
        Mirror half of the training images left to right.
    crop_padding : int
        Shift training images by up to this many pixels, zeros coming in. For images in memory.
    cutout : int
        Blot out a square of this side of every training image (DeVries & Taylor 2017). For images in memory.
    label_smoothing : float
        Of the training loss.
    mean, std : tuple of float, optional
        Normalisation per channel, of images in [0, 1]; by default that of the training images. Weights
        trained elsewhere need theirs. Streamed images have ImageNet's.
    image_size : int, optional
        Scale and cut all images of a folder to squares of this size; 224 where they are streamed.
    stream : StreamOptions, optional
        Decode the files of a folder as they are needed, instead of once into memory. ``imagenet`` always does.
    eval_batch_size : int
        Images at a time in ``evaluate``.
    """

    flip: bool = True
    crop_padding: int = Field(default=4, ge=0)
    cutout: int = Field(default=0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    image_size: int | None = Field(default=None, gt=0)
    stream: StreamOptions | None = None
    eval_batch_size: int = Field(default=250, gt=0)


@register_task
@dataclass(frozen=True)
class Classification(Task):
    """Inputs ``(b, c, h, w)`` float; targets ``(b,)`` int64 or, where images are mixed, ``(b, classes)`` float."""

    name = "classification"
    version = 1
    options_type = ClassificationOptions

    data: ClassificationData | ImageFiles
    options: ClassificationOptions
    metrics: tuple[Metric, ...] = field(init=False, repr=False)
    """Top-5 accuracy is among them where there are many classes."""
    images: Images = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        channels = len(self.data.mean)
        for key in ("mean", "std"):
            given = getattr(self.options, key)
            if given is not None and len(given) != channels:
                raise TaskError(
                    f"{key} has {len(given)} values; the images of {self.data.name} have {channels} channels."
                )
        object.__setattr__(self, "images", self._images())
        top5 = [Metric("top5", "%", True, shown=True)] if len(self.data.classes) >= TOP5_CLASSES else []
        metrics = Metric("top1", "%", True), *top5, Metric("cross_entropy", "nats", False)
        object.__setattr__(self, "metrics", metrics)

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: ClassificationOptions) -> Self:
        streams = find_data(data, cls.name).streamed
        if streams == "never" and options.stream is not None:
            raise TaskError(f"stream is for folders of images; {data} is small enough to lie in memory.")
        if streams == "always" or options.stream is not None:
            return cls(scan_classification(data, root), options)
        return cls(load_classification(data, root, image_size=options.image_size), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: ClassificationOptions) -> Outline:
        known = find_data(data, cls.name).outline
        if known is None:
            return super().outline(data, root, options)
        size = known.size or (options.image_size or STREAMED_SIZE,) * 2
        return Outline({"in_chans": known.channels, "num_classes": known.classes}, (known.channels, *size))

    def _images(self) -> Images:
        options = self.options
        mean, std, batch_size = options.mean or self.data.mean, options.std or self.data.std, options.eval_batch_size
        if isinstance(self.data, ClassificationData):
            augmentation = Augmentation(options.flip, options.crop_padding, options.cutout)
            return MemoryImages(self.data, augmentation, mean, std, batch_size)
        for key in ("crop_padding", "cutout"):
            if key in options.model_fields_set:
                raise TaskError(f"{key} is for images in memory, not for {self.data.name}: see the options of stream.")
        stream = options.stream or StreamOptions()
        return StreamedImages(
            self.data, stream, options.image_size or STREAMED_SIZE, options.flip, mean, std, batch_size
        )

    def model_kwargs(self) -> dict[str, Any]:
        return {"in_chans": self.images.shape[0], "num_classes": len(self.data.classes)}

    def example(self, batch_size: int = 1) -> Tensor:
        return self.images.example(batch_size)

    def steps_per_epoch(self, batch_size: int) -> int:
        return self.images.steps_per_epoch(batch_size)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled full batches; an incomplete one at the end is left out, unless it is the only one."""
        return self.images.train_batches(batch_size, generator, torch.device(device))

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """Cross-entropy; that of auxiliary classifiers, which some networks have while training, is added.

        They come after the logits in a tuple and count 0.3 each (Szegedy et al., Going Deeper with Convolutions, 2015).
        """
        logits, auxiliary = _parts(output)
        smoothing = self.options.label_smoothing
        loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
        for other in auxiliary:
            loss = loss + AUXILIARY_WEIGHT * F.cross_entropy(other, target, label_smoothing=smoothing)
        return loss

    def distillation_loss(self, output: Output, teacher_output: Output, temperature: float) -> Tensor:
        """``T² KL(teacher ‖ student)`` of the softmax at temperature ``T`` (Hinton et al., 2015).

        The factor keeps the gradients' size whatever the temperature. Auxiliary classifiers have no part in it: a
        teacher has none in evaluation mode.
        """
        both = (_parts(one)[0] for one in (output, teacher_output))
        student, teacher = (F.log_softmax(logits / temperature, dim=1) for logits in both)
        return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        outputs, targets = [], []
        with evaluating(model):
            for inputs, labels in self.images.test_batches(device_of(model)):
                outputs.append(model(inputs).float())
                targets.append(labels)
        # moved once, so that a GPU need not be waited for after every batch
        logits, labels = torch.cat(outputs).cpu(), torch.cat(targets).cpu()
        if logits.shape != (len(labels), len(self.data.classes)):
            raise TaskError(
                f"The model puts out {tuple(logits.shape[1:])} values an image; {self.data.name} has "
                f"{len(self.data.classes)} classes."
            )
        finite = bool(logits.isfinite().all())
        values = {"cross_entropy": F.cross_entropy(logits.double(), labels).item()}
        for name, rank in (("top1", 1), ("top5", 5)):
            values[name] = _accuracy(logits, labels, rank) if finite else math.nan
        return {metric.name: values[metric.name] for metric in self.metrics}

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """Every class gives the same part of its training images, drawn by ``seed``."""
        check_fraction(fraction)
        labels = self.data.train_labels
        generator = torch.Generator().manual_seed(seed)
        held_out = torch.zeros(len(labels), dtype=torch.bool)
        for label in range(len(self.data.classes)):
            of_class = torch.nonzero(labels == label).flatten()
            shuffled = of_class[torch.randperm(len(of_class), generator=generator)]
            held_out[shuffled[: round(fraction * len(of_class))]] = True
        if held_out.all() or not held_out.any():
            raise TaskError(f"{self.data.name} has too few images a class to split off {fraction:.0%}.")
        name = f"{self.data.name}[validation {fraction:g}, seed {seed}]"
        return replace(self, data=self.data.split(name, held_out))


def _parts(output: Output) -> tuple[Tensor, list[Tensor]]:
    """Take a model's output apart into logits and those of the auxiliary classifiers that it has at the moment."""
    logits, *auxiliary = (output,) if isinstance(output, Tensor) else output
    assert logits is not None
    return logits, [other for other in auxiliary if other is not None]


def _accuracy(logits: Tensor, labels: Tensor, rank: int) -> float:
    """Percentage of images whose class is among the ``rank`` highest outputs."""
    from torchmetrics.functional.classification import multiclass_stat_scores

    # counts, as torchmetrics' accuracy is a float32 with its rounding
    classes = logits.shape[1]
    counts = multiclass_stat_scores(logits, labels, num_classes=classes, average="micro", top_k=min(rank, classes))
    return 100 * counts[0].item() / len(labels)
