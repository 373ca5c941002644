"""Bicubic resizing, against published low-resolution images and against the formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from decompbench.bench.data.images.resize import downsample, upsample
from decompbench.bench.data.super_resolution.photographs import load_photographs


def read(path: Path) -> Tensor:
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1)


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -1/2, as in MATLAB."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def weights(length: int, size: int) -> np.ndarray:
    """``(size, length)``: how much each input pixel counts in each output pixel, edge pixels repeated."""
    ratio = length / size
    width = max(1.0, ratio)
    matrix = np.zeros((size, length))
    for row in range(size):
        centre = (row + 0.5) * ratio - 0.5
        places = np.arange(int(centre - 2 * width) - 2, int(centre + 2 * width) + 3)
        share = cubic((places - centre) / width)
        np.add.at(matrix[row], places.clip(0, length - 1), share / share.sum())
    return matrix


def resize_by_formula(image: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = np.floor(weights(image.shape[1], height) @ image + 0.5).clip(0, 255)
    return np.floor(rows @ weights(image.shape[2], width).T + 0.5).clip(0, 255)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downsampling_follows_the_formula(scale: int) -> None:
    image = torch.randint(256, (3, 12 * scale, 10 * scale), generator=torch.Generator().manual_seed(0)).byte()
    expected = resize_by_formula(image.double().numpy(), 12, 10)
    # A sum that lies on a half may be rounded either way: its last bit depends on the order of addition.
    difference = np.abs(downsample(image, scale).double().numpy() - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("scale", [2, 3])
def test_upsampling_follows_the_formula(scale: int) -> None:
    image = torch.randint(256, (3, 7, 9), generator=torch.Generator().manual_seed(0)).byte()
    expected = resize_by_formula(image.double().numpy(), 7 * scale, 9 * scale)
    difference = np.abs(upsample(image, scale).double().numpy() - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_plain_colour_stays() -> None:
    image = torch.full((3, 12, 8), 201, dtype=torch.uint8)
    assert torch.equal(downsample(image, 4), torch.full((3, 3, 2), 201, dtype=torch.uint8))
    assert torch.equal(upsample(image, 2), torch.full((3, 24, 16), 201, dtype=torch.uint8))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_published_low_resolution_images_pixel_by_pixel(super_resolution_images: Path, scale: int) -> None:
    pictures = sorted((super_resolution_images / "Set5" / f"X{scale}" / "HR").iterdir())
    assert len(pictures) == 5
    for picture in pictures:
        published = read(super_resolution_images / "Set5" / f"X{scale}" / "LR" / picture.name)
        height, width = (scale * side for side in published.shape[1:])
        assert torch.equal(downsample(read(picture)[:, :height, :width], scale), published)


def test_photographs() -> None:
    train, test = load_photographs("train"), load_photographs("test")
    assert list(test) == ["astronaut.png", "chelsea.png"]
    assert test["astronaut.png"].shape == (3, 512, 512)
    assert len(train) == 7
    assert not set(train) & set(test)
    for image in (*train.values(), *test.values()):
        assert image.dtype == torch.uint8
        assert not torch.equal(image[0], image[1])  # a colour photograph
