"""Augmentation of whole batches, against one image at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from decompbench.bench.tasks.classification.augment import Augmentation


def noise(*shape: int) -> Tensor:
    return torch.randint(1, 256, shape, generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize(("flip", "padding"), [(True, 2), (False, 2), (True, 0), (False, 0)])
@pytest.mark.parametrize("shape", [(7, 3, 6, 9), (5, 1, 8, 8)])
def test_crop_is_that_of_single_images(flip: bool, padding: int, shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    augmentation = Augmentation(flip, padding)
    drawn = augmentation.draw(shape[0], shape[2:], torch.Generator().manual_seed(1))
    result = augmentation.crop(images, drawn)
    assert result.dtype == torch.uint8
    for image, (top, left, mirrored), got in zip(images, drawn[:3].T.tolist(), result, strict=True):
        expected = F.pad(image, (padding,) * 4)[:, top : top + shape[2], left : left + shape[3]]
        assert torch.equal(got, expected.flip(2) if flip and mirrored else expected)


def test_every_shift_and_both_sides_are_drawn_alike_often() -> None:
    drawn = Augmentation(True, 2).draw(20_000, (8, 8), torch.Generator().manual_seed(0))
    for row, count in zip(drawn, (5, 5, 2), strict=True):
        share = row.bincount(minlength=count) / 20_000
        torch.testing.assert_close(share, torch.full((count,), 1 / count), atol=0.015, rtol=0)


def test_cutout_is_the_square_of_the_paper() -> None:
    """The mask of DeVries & Taylor's code: from ``y - length // 2`` to ``y + length // 2``, clipped to the image."""
    length, height, width = 4, 7, 9
    augmentation = Augmentation(False, 0, cutout=length)
    drawn = augmentation.draw(50, (height, width), torch.Generator().manual_seed(0))
    result = augmentation.blot_out(torch.ones(50, 2, height, width), drawn)
    for (row, column), got in zip(drawn[3:].T.tolist(), result, strict=True):
        mask = torch.ones(height, width)
        top, left = max(0, row - length // 2), max(0, column - length // 2)
        mask[top : row + length // 2, left : column + length // 2] = 0
        assert torch.equal(got, mask.expand(2, -1, -1))
    assert set(drawn[3].tolist()) == set(range(height))
    assert set(drawn[4].tolist()) == set(range(width))


def test_centres_are_drawn_after_the_other_numbers() -> None:
    plain, cut = (
        Augmentation(True, 4, cutout).draw(9, (32, 32), torch.Generator().manual_seed(3)) for cutout in (0, 8)
    )
    assert plain.shape == (3, 9)
    assert cut.shape == (5, 9)
    assert torch.equal(cut[:3], plain)


def test_nothing_to_do_copies_nothing() -> None:
    images = noise(4, 3, 5, 5)
    augmentation = Augmentation(False, 0)
    assert augmentation.crop(images, augmentation.draw(4, (5, 5), torch.Generator())) is images
