"""Streamed images: decoded when needed, by timm's loader in worker processes. For ImageNet and other large folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.utils.data import Dataset

from ...data import ImageFiles
from ...data.images.pictures import read_image
from ..base import TaskError
from .images import Batches, Images

if TYPE_CHECKING:
    from timm.data.mixup import FastCollateMixup


class StreamOptions(BaseModel):
    """How images are read and augmented; what timm's ``create_transform`` and ``Mixup`` call alike means the same.

    Attributes
    ----------
    workers : int
        Processes that decode and augment. Their number decides which random numbers an image gets, and is thus
        the same on every machine unless it is given.
    crop_scale : tuple of float
        A training image is a random part of the picture of this share of its area, scaled.
    auto_augment : str, optional
        A policy of timm's, such as ``rand-m9-mstd0.5`` (RandAugment).
    color_jitter : float
        Strength; left out where there is a policy.
    mixup, cutmix : float
        Alpha of either; 0 for none. With both, either is taken for half of the batches.
    interpolation : str
        For scaling, ``bilinear`` or ``bicubic``; published weights say which.
    crop_pct : float
        A test image is the centre of the picture: this share of its shorter side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    workers: int = Field(default=8, ge=1)
    crop_scale: tuple[float, float] = (0.08, 1.0)
    auto_augment: str | None = None
    color_jitter: float = Field(default=0.4, ge=0)
    mixup: float = Field(default=0, ge=0)
    cutmix: float = Field(default=0, ge=0)
    interpolation: str = Field(default="bilinear", pattern="^(bilinear|bicubic)$")
    crop_pct: float = Field(default=0.875, gt=0, le=1)

    @model_validator(mode="after")
    def _scale_is_a_range(self) -> StreamOptions:
        low, high = self.crop_scale
        if not 0 < low <= high <= 1:
            raise ValueError(f"crop_scale is a range within (0, 1], not {list(self.crop_scale)}")
        return self


class StreamedImages(Images):
    """The images of ``ImageFiles``, three channels, scaled and cut to squares.

    Parameters
    ----------
    data : ImageFiles
        Which files.
    options : StreamOptions
        How they are read.
    size : int
        Side of the squares.
    flip : bool
        Mirror half of the training images left to right.
    mean, std : tuple of float
        Normalisation per channel, of images in [0, 1].
    test_batch_size : int
        Test images in a batch.
    """

    def __init__(
        self,
        data: ImageFiles,
        options: StreamOptions,
        size: int,
        flip: bool,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        test_batch_size: int,
    ) -> None:
        self.shape = 3, size, size
        self.train_count = len(data.train_labels)
        self.data = data
        self.options = options
        self.flip = flip
        self.normalisation: dict[str, Any] = {"mean": mean, "std": std}
        self.test_batch_size = test_batch_size

    def example(self, batch_size: int) -> Tensor:
        from timm.data.transforms_factory import create_transform

        transform = create_transform(self.shape, **self._test_transform(), **self.normalisation)
        files = _Files(self.data.root, self.data.train_files, self.data.train_labels, transform)
        return torch.stack([files[index % len(files)][0] for index in range(batch_size)])

    def train_batches(self, batch_size: int, generator: torch.Generator, device: torch.device) -> Batches:
        files = _Files(self.data.root, self.data.train_files, self.data.train_labels)
        options = self.options
        loader = self._loader(
            files,
            min(batch_size, len(files)),
            device,
            is_training=True,
            scale=options.crop_scale,
            hflip=0.5 if self.flip else 0.0,
            color_jitter=options.color_jitter,
            auto_augment=options.auto_augment,
            interpolation=options.interpolation,
            collate_fn=self._mixed(batch_size),
        )
        # order and the workers' seeds are drawn from these; timm has no argument for them
        loader.loader.generator = loader.loader.sampler.generator = generator
        yield from loader

    def test_batches(self, device: torch.device) -> Batches:
        files = _Files(self.data.root, self.data.test_files, self.data.test_labels)
        yield from self._loader(files, self.test_batch_size, device, is_training=False, **self._test_transform())

    def _loader(self, files: _Files, batch_size: int, device: torch.device, **options: Any) -> Any:
        from timm.data.loader import create_loader

        return create_loader(
            files,  # pyright: ignore[reportArgumentType]  # any dataset with a `transform` will do
            self.shape,
            batch_size,
            num_workers=self.options.workers,
            pin_memory=device.type == "cuda",
            persistent_workers=False,  # each epoch's random numbers are to follow from its own generator
            device=device,
            **self.normalisation,
            **options,
        )

    def _test_transform(self) -> dict[str, Any]:
        return {"interpolation": self.options.interpolation, "crop_pct": self.options.crop_pct}

    def _mixed(self, batch_size: int) -> FastCollateMixup | None:
        if not self.options.mixup and not self.options.cutmix:
            return None
        if batch_size % 2:
            raise TaskError(f"mixup and cutmix need an even batch_size, not {batch_size}.")
        from timm.data.mixup import FastCollateMixup

        return FastCollateMixup(
            mixup_alpha=self.options.mixup,
            cutmix_alpha=self.options.cutmix,
            label_smoothing=0,  # the loss has it
            num_classes=len(self.data.classes),
        )


class _Files(Dataset[tuple[Any, int]]):
    """Files with labels. Unlike timm's own it does not put another image in place of one that cannot be read."""

    def __init__(self, root: Path, files: Any, labels: Tensor, transform: Any = None) -> None:
        self.root = root
        self.files = files
        self.labels = labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = read_image(self.root / os.fsdecode(self.files[index]))
        return self.transform(image.convert("RGB")), int(self.labels[index])
