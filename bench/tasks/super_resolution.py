"""Single-image super-resolution: L1 loss on random patches, PSNR and SSIM on the luma channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from ...methods.spec import evaluating
from ..data import SuperResolutionData, find_data, load_super_resolution
from ..data.resize import crop_to_multiple, downsample, upsample
from .base import Metric, Outline, Task, TaskError, TaskOptions, check_fraction, device_of
from .registry import register_task

Pairs = dict[str, tuple[Tensor, Tensor]]
"""By name, low and high resolution as uint8 ``(3, h, w)`` and ``(3, scale * h, scale * w)``."""


class SuperResolutionOptions(TaskOptions):
    """Options of super-resolution.

    Attributes
    ----------
    scale : int
        Enlargement, 2, 3 or 4.
    patch_size : int
        Side of a training patch, in low-resolution pixels.
    patches_per_epoch : int
        An epoch is this many random patches.
    example_size : int
        Side of the example input, in low-resolution pixels.
    """

    scale: Literal[2, 3, 4] = 2
    patch_size: int = Field(default=48, gt=0)
    patches_per_epoch: int = Field(default=480, gt=0)
    example_size: int = Field(default=48, gt=0)


@register_task
@dataclass(frozen=True)
class SuperResolution(Task):
    """Inputs ``(b, 3, h, w)`` and targets ``(b, 3, scale * h, scale * w)``, RGB in [0, 1]."""

    name = "super_resolution"
    metrics = (Metric("psnr_y", "dB", True), Metric("ssim_y", "", True))
    options_type = SuperResolutionOptions

    data: SuperResolutionData
    options: SuperResolutionOptions
    train_pairs: Pairs = field(init=False, repr=False)
    test_pairs: Pairs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "train_pairs", self._pairs(self.data.train))
        object.__setattr__(self, "test_pairs", self._pairs(self.data.test))
        for name, (low, _) in self.train_pairs.items():
            smallest = min(low.shape[1:])
            if smallest < max(self.options.patch_size, self.options.example_size):
                raise TaskError(
                    f"{name} is {low.shape[2]}x{low.shape[1]} at low resolution: patch_size "
                    f"({self.options.patch_size}) and example_size ({self.options.example_size}) can be "
                    f"{smallest} at most."
                )

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: SuperResolutionOptions) -> Self:
        return cls(load_super_resolution(data, root), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: SuperResolutionOptions) -> Outline:
        """All data is RGB."""
        find_data(data, cls.name)
        return Outline({"in_chans": 3}, (3, options.example_size, options.example_size))

    @property
    def data_name(self) -> str:
        return self.data.name

    @property
    def data_revision(self) -> str:
        return self.data.revision

    def model_kwargs(self) -> dict[str, Any]:
        return {"in_chans": 3}

    def example(self, batch_size: int = 1) -> Tensor:
        """Centres of the training images."""
        size = self.options.example_size
        lows = [low for low, _ in self.train_pairs.values()]
        return torch.stack([_centre(lows[index % len(lows)], size) for index in range(batch_size)]).float() / 255

    def steps_per_epoch(self, batch_size: int) -> int:
        return max(1, self.options.patches_per_epoch // batch_size)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Patches at random places of random images, all images alike, in one of eight orientations."""
        pairs = list(self.train_pairs.values())
        for _ in range(self.steps_per_epoch(batch_size)):
            chosen = torch.randint(len(pairs), (batch_size,), generator=generator).tolist()
            places = torch.rand(batch_size, 2, generator=generator).tolist()
            orientations = torch.randint(8, (batch_size,), generator=generator).tolist()
            patches = [
                [_orient(side, orientation) for side in self._patch(*pairs[index], *place)]
                for index, place, orientation in zip(chosen, places, orientations, strict=True)
            ]
            low, high = (torch.stack(side).to(device, non_blocking=True) for side in zip(*patches, strict=True))
            yield low.float().div_(255), high.float().div_(255)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        self._check_size(output, target)
        return F.l1_loss(output, target)

    def distillation_loss(self, output: Tensor, teacher_output: Tensor, temperature: float) -> Tensor:
        """Mean absolute difference of the images."""
        self._check_size(output, teacher_output)
        return F.l1_loss(output, teacher_output)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Means over the test images less ``scale`` pixels at each edge; outputs rounded to 8 bits."""
        device = device_of(model)
        scores = []
        with evaluating(model):
            for low, high in self.test_pairs.values():
                output = model(low.to(device).unsqueeze(0).float() / 255).float().cpu()
                self._check_size(output, high.unsqueeze(0))
                scores.append(self._score(output.squeeze(0).clamp(0, 1).mul(255).round(), high))
        return self._mean(scores)

    def bicubic(self) -> dict[str, float]:
        """The metrics of bicubic interpolation, what a network has to beat."""
        return self._mean(
            [self._score(upsample(low, self.options.scale), high) for low, high in self.test_pairs.values()]
        )

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """A strip of every training image is tested on: its top or its bottom, by ``seed``, and the rest
        trained on.

        Not whole images: two of the photographs are one scene from two sides, and strips part that scene too,
        as the two differ by a horizontal shift only.
        """
        check_fraction(fraction)
        train, test = {}, {}
        for name, image in self.data.train.items():
            height = image.shape[1]
            strip = max(self.options.scale, round(fraction * height))
            cut = (slice(strip, None), slice(0, strip)) if seed % 2 else (slice(0, height - strip), slice(-strip, None))
            train[name], test[name] = image[:, cut[0]], image[:, cut[1]]
        name = f"{self.data.name}[validation {fraction:g}, seed {seed}]"
        return replace(self, data=SuperResolutionData.create(name, train, test))

    def _pairs(self, images: dict[str, Tensor]) -> Pairs:
        cropped = {name: crop_to_multiple(image, self.options.scale) for name, image in images.items()}
        return {name: (downsample(high, self.options.scale), high) for name, high in cropped.items()}

    def _patch(self, low: Tensor, high: Tensor, down: float, right: float) -> tuple[Tensor, Tensor]:
        size, scale = self.options.patch_size, self.options.scale
        top = int(down * (low.shape[1] - size + 1))
        left = int(right * (low.shape[2] - size + 1))
        large = high[:, scale * top : scale * (top + size), scale * left : scale * (left + size)]
        return low[:, top : top + size, left : left + size], large

    def _check_size(self, output: Tensor, target: Tensor) -> None:
        if output.shape != target.shape:
            raise TaskError(
                f"The model's output is {tuple(output.shape)} where {tuple(target.shape)} is wanted: "
                f"the task enlarges by {self.options.scale}; does the model?"
            )

    def _score(self, image: Tensor, truth: Tensor) -> dict[str, float]:
        """PSNR (dB) and SSIM of the luma of two images, ``(3, h, w)`` in [0, 255]."""
        border = self.options.scale
        first, second = (
            luma(picture)[border:-border, border:-border].unsqueeze(0).unsqueeze(0) for picture in (image, truth)
        )
        # Y spans [16, 235], but PSNR is by convention relative to 255.
        psnr = peak_signal_noise_ratio(first, second, data_range=255.0)
        ssim = structural_similarity_index_measure(first, second, data_range=255.0)
        assert isinstance(ssim, Tensor)  # a tuple only where the full image is asked for
        return {"psnr_y": psnr.item(), "ssim_y": ssim.item()}

    def _mean(self, scores: list[dict[str, float]]) -> dict[str, float]:
        return {metric.name: sum(score[metric.name] for score in scores) / len(scores) for metric in self.metrics}


def luma(image: Tensor) -> Tensor:
    """Y of YCbCr (ITU-R BT.601, studio range).

    Parameters
    ----------
    image : Tensor
        ``(3, h, w)`` RGB in [0, 255].

    Returns
    -------
    Tensor
        ``(h, w)`` double in [16, 235], not rounded.
    """
    red, green, blue = image.double()
    return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255


def _orient(image: Tensor, orientation: int) -> Tensor:
    """Turn and mirror ``(c, h, w)``: the three bits of ``orientation`` mirror, flip and transpose."""
    if orientation & 4:
        image = image.transpose(1, 2)
    return image.flip([dim for dim, bit in ((2, 1), (1, 2)) if orientation & bit])


def _centre(image: Tensor, size: int) -> Tensor:
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top : top + size, left : left + size]
