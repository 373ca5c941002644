"""Single-image super-resolution: L1 loss on random patches, PSNR and SSIM on the luma channel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import ByteSize, Field
from torch import Tensor, nn
from torch.nn import functional as F

from ...methods.contract.forward import evaluating
from ..data.images.resize import upsample
from ..data.super_resolution.load import SuperResolutionData, check_names, load_super_resolution
from ..data.super_resolution.pairs import DECODED_LIMIT, PairSet
from .base import Metric, Outline, Task, TaskError, TaskOptions, check_fraction, device_of
from .prefetch import made_ahead
from .registry import register_task


class SuperResolutionOptions(TaskOptions):
    """Options of super-resolution.

    Attributes
    ----------
    scale : int
        Enlargement, 2, 3 or 4.
    patch_size : int
        Side of a training patch, in low-resolution pixels. Papers give it at high resolution: EDSR's 192 is 48 at
        scale 4, SRResNet's 96 is 24.
    patches_per_epoch : int
        An epoch is this many random patches.
    example_size : int
        Side of the example input, in low-resolution pixels.
    tile_size : int, optional
        Evaluate an image larger than this, in low-resolution pixels, in tiles of this side at most, which bounds
        memory. By default whole images, as the papers do.
    tile_margin : int
        What a tile sees beyond its edges; where that is as much as a network looks around a pixel, tiles change
        nothing.
    rgb_border : int, optional
        Score PSNR over R, G and B, too, less so many high-resolution pixels at each edge; li2019's authors score DIV2K
        so, with scale + 6. By default luma alone is scored.
    decoded : int or str
        Memory for decoded images, such as ``8GiB``; those beyond are decoded anew whenever they are needed.
    """

    scale: Literal[2, 3, 4] = 2
    patch_size: int = Field(default=48, gt=0)
    patches_per_epoch: int = Field(default=480, gt=0)
    example_size: int = Field(default=48, gt=0)
    tile_size: int | None = Field(default=None, gt=0)
    tile_margin: int = Field(default=32, ge=0)
    rgb_border: int | None = Field(default=None, ge=0)
    decoded: ByteSize = Field(default=ByteSize(DECODED_LIMIT), gt=0)


Drawn = list[tuple[int, list[float], int]]
"""Number of the image, place and orientation of each patch of a batch."""
MEASURES = (Metric("psnr_y", "dB", True, shown=True), Metric("ssim_y", "", True))
"""What is measured on every test set."""
RGB_MEASURE = Metric("psnr_rgb", "dB", True, shown=True)
"""What is measured beside them where a border is given for it."""
SSIM_WINDOW = 11


@register_task
@dataclass(frozen=True)
class SuperResolution(Task):
    """Inputs ``(b, 3, h, w)`` and targets ``(b, 3, scale * h, scale * w)``, RGB in [0, 1]."""

    name = "super_resolution"
    version = 1
    options_type = SuperResolutionOptions

    data: SuperResolutionData
    options: SuperResolutionOptions
    metrics: tuple[Metric, ...] = field(init=False, repr=False)
    """PSNR and SSIM of each test set, ``psnr_y[Set5]``; without a name where the data brings its only test set."""

    def __post_init__(self) -> None:
        metrics = (replace(one, name=_named(one.name, test)) for test in self.data.tests for one in self._measures())
        object.__setattr__(self, "metrics", tuple(metrics))
        least = max(self.options.patch_size, self.options.example_size)
        for pair in self.data.train.pairs:
            if min(pair.size) < least:
                raise TaskError(
                    f"{pair.name} is {pair.size[1]}x{pair.size[0]} at low resolution: patch_size "
                    f"({self.options.patch_size}) and example_size ({self.options.example_size}) can be "
                    f"{min(pair.size)} at most."
                )
        for pair in (pair for test in self.data.tests.values() for pair in test.pairs):
            side = self.options.scale * min(pair.size)
            if side <= 2 * (self.options.rgb_border or 0):
                raise TaskError(
                    f"{pair.name} is {side} pixels at high resolution, of which a border of {self.options.rgb_border} "
                    f"at each edge leaves nothing: rgb_border can be {(side - 1) // 2} at most."
                )

    @classmethod
    def from_data(cls, data: str, root: str | Path | None, options: SuperResolutionOptions) -> Self:
        return cls(load_super_resolution(data, root, scale=options.scale, decoded_limit=options.decoded), options)

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: SuperResolutionOptions) -> Outline:
        """All data is RGB."""
        check_names(data)
        return Outline({"in_chans": 3}, (3, options.example_size, options.example_size))

    def model_kwargs(self) -> dict[str, Any]:
        return {"in_chans": 3}

    def example(self, batch_size: int = 1) -> Tensor:
        """Centres of the training images."""
        size = self.options.example_size
        lows = [low for low, _ in self.data.decoded.read(self.data.train.pairs[:batch_size])]
        return torch.stack([_centre(lows[index % len(lows)], size) for index in range(batch_size)]).float() / 255

    def steps_per_epoch(self, batch_size: int) -> int:
        return max(1, self.options.patches_per_epoch // batch_size)

    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Patches at random places of random images, all images alike, in one of eight orientations.

        The random numbers of an epoch are drawn at its start; images are decoded while the model trains.
        """
        drawn = [self._draw(batch_size, generator) for _ in range(self.steps_per_epoch(batch_size))]
        for batch in made_ahead(self._cut, drawn):
            low, high = (side.to(device, non_blocking=True) for side in batch)
            yield low.float().div_(255), high.float().div_(255)

    def _draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Draw image, place and orientation of so many patches."""
        chosen = torch.randint(len(self.data.train.pairs), (count,), generator=generator).tolist()
        places = torch.rand(count, 2, generator=generator).tolist()
        orientations = torch.randint(8, (count,), generator=generator).tolist()
        return list(zip(chosen, places, orientations, strict=True))

    def _cut(self, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """Cut patches out of their images: both resolutions, uint8."""
        images = self.data.decoded.read([self.data.train.pairs[index] for index, _, _ in drawn])
        patches = [
            [_orient(side, orientation) for side in self._patch(*image, *place)]
            for image, (_, place, orientation) in zip(images, drawn, strict=True)
        ]
        low, high = (torch.stack(side) for side in zip(*patches, strict=True))
        return low, high

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        self._check_size(output, target.shape)
        return F.l1_loss(output, target)

    def distillation_loss(self, output: Tensor, teacher_output: Tensor, temperature: float) -> Tensor:
        """Mean absolute difference of the images."""
        self._check_size(output, teacher_output.shape)
        return F.l1_loss(output, teacher_output)

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Means over the images of each test set less a border at each edge; outputs rounded to 8 bits."""
        with evaluating(model):
            return self._scores(lambda low: self.enlarge(model, low))

    @torch.no_grad()
    def enlarge(self, model: nn.Module, low: Tensor) -> Tensor:
        """Return what a model in eval mode makes of a picture.

        Parameters
        ----------
        low
            ``(3, h, w)`` in [0, 255].

        Returns
        -------
        Tensor
            ``(3, scale * h, scale * w)`` in [0, 255], rounded, on the CPU; all NaN if an output is not finite.
        """
        output = self._in_tiles(model, low.to(device_of(model)).unsqueeze(0).float() / 255).float().cpu()
        rounded = output.squeeze(0).clamp(0, 1).mul(255).round()
        # clamping would make a pixel of what is infinite
        return rounded if output.isfinite().all() else torch.full_like(rounded, math.nan)

    def bicubic(self) -> dict[str, float]:
        """The metrics of bicubic interpolation, what a network has to beat."""
        return self._scores(lambda low: upsample(low, self.options.scale))

    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """A strip of every training image is tested on, see ``SuperResolutionData.validation_split``."""
        check_fraction(fraction)
        return replace(self, data=self.data.validation_split(fraction, seed))

    def _scores(self, enlarge: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Return the metrics of what makes a high-resolution image of a low-resolution one, both ``(3, h, w)``."""
        return {
            _named(kind, test): value
            for test, images in self.data.tests.items()
            for kind, value in self._mean_scores(enlarge, images).items()
        }

    def _mean_scores(self, enlarge: Callable[[Tensor], Tensor], images: PairSet) -> dict[str, float]:
        scores = []
        for pair in images.pairs:  # one by one: not all need fit into memory
            ((low, high),) = self.data.decoded.read([pair])
            scores.append(self.score(enlarge(low), high))
        return {one.name: sum(score[one.name] for score in scores) / len(scores) for one in self._measures()}

    def _measures(self) -> tuple[Metric, ...]:
        """Return what is measured on every test set."""
        return MEASURES if self.options.rgb_border is None else (*MEASURES, RGB_MEASURE)

    def _in_tiles(self, model: nn.Module, low: Tensor) -> Tensor:
        """Apply a model to ``(1, 3, h, w)``, tile by tile where that is larger than ``tile_size``."""
        size, margin, scale = self.options.tile_size, self.options.tile_margin, self.options.scale
        height, width = low.shape[2:]
        if size is None or max(height, width) <= size:
            return self._enlarge(model, low)
        whole = low.new_empty(1, 3, scale * height, scale * width)
        for top, left in itertools.product(range(0, height, size), range(0, width, size)):
            above, before = min(margin, top), min(margin, left)
            tile = low[:, :, top - above : top + size + margin, left - before : left + size + margin]
            output = self._enlarge(model, tile)[:, :, scale * above :, scale * before :]
            place = whole[:, :, scale * top : scale * (top + size), scale * left : scale * (left + size)]
            place.copy_(output[:, :, : place.shape[2], : place.shape[3]])
        return whole

    def _enlarge(self, model: nn.Module, low: Tensor) -> Tensor:
        output = model(low)
        self._check_size(output, (*low.shape[:2], *(self.options.scale * side for side in low.shape[2:])))
        return output

    def _patch(self, low: Tensor, high: Tensor, down: float, right: float) -> tuple[Tensor, Tensor]:
        size, scale = self.options.patch_size, self.options.scale
        top = int(down * (low.shape[1] - size + 1))
        left = int(right * (low.shape[2] - size + 1))
        large = high[:, scale * top : scale * (top + size), scale * left : scale * (left + size)]
        return low[:, top : top + size, left : left + size], large

    def _check_size(self, output: Tensor, wanted: tuple[int, ...]) -> None:
        if tuple(output.shape) != tuple(wanted):
            raise TaskError(
                f"The model's output is {tuple(output.shape)} where {tuple(wanted)} is wanted: "
                f"the task enlarges by {self.options.scale}; does the model?"
            )

    def score(self, image: Tensor, truth: Tensor) -> dict[str, float]:
        """PSNR (dB) and SSIM of the luma of two images, ``(3, h, w)`` in [0, 255], and PSNR of RGB if asked for."""
        from torchmetrics.functional.image import peak_signal_noise_ratio

        border = self.options.scale
        first, second = (luma(picture)[border:-border, border:-border] for picture in (image, truth))
        # Y spans [16, 235], but PSNR is by convention relative to 255.
        psnr = peak_signal_noise_ratio(first, second, data_range=255.0)
        scores = {"psnr_y": psnr.item(), "ssim_y": similarity(first, second)}
        if self.options.rgb_border is not None:
            colours = (_inside(picture.double(), self.options.rgb_border) for picture in (image, truth))
            scores[RGB_MEASURE.name] = peak_signal_noise_ratio(*colours, data_range=255.0).item()
        return scores


def _named(kind: str, test: str) -> str:
    """Return the name of a metric on a test set: ``psnr_y[Set5]``."""
    return f"{kind}[{test}]" if test else kind


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


def similarity(first: Tensor, second: Tensor) -> float:
    """SSIM with its Gaussian window of 11x11 wherever that fits in (Wang et al., 2004), relative to 255.

    Parameters
    ----------
    first, second : Tensor
        ``(h, w)`` double. Where they are smaller than the window there is no SSIM: NaN.
    """
    if min(first.shape) < SSIM_WINDOW:
        return math.nan
    from skimage.metrics import structural_similarity

    # torchmetrics has it, too, but lays out every window: 13 GiB for an image of 2K
    value: Any = structural_similarity(
        first.numpy(), second.numpy(), data_range=255.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(value)


def _inside(image: Tensor, border: int) -> Tensor:
    """Return an image ``(c, h, w)`` less ``border`` pixels at each edge."""
    return image[:, border : image.shape[1] - border, border : image.shape[2] - border]


def _orient(image: Tensor, orientation: int) -> Tensor:
    """Turn and mirror ``(c, h, w)``: the three bits of ``orientation`` mirror, flip and transpose."""
    if orientation & 4:
        image = image.transpose(1, 2)
    return image.flip([dim for dim, bit in ((2, 1), (1, 2)) if orientation & bit])


def _centre(image: Tensor, size: int) -> Tensor:
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top : top + size, left : left + size]
