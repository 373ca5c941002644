"""Images in memory: the same batches wherever they lie."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from decompbench.bench.data import ClassificationData
from decompbench.bench.tasks.classification import memory as memory_images
from decompbench.bench.tasks.classification.task import Classification, ClassificationOptions

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


def task(**options) -> Classification:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (90, 3, 12, 12), generator=generator).byte()
    labels = torch.arange(90) % 3
    parts = (images[:70], labels[:70]), (images[70:], labels[70:])
    return Classification(ClassificationData.create("noise", *parts, "abc"), ClassificationOptions(**options))


def epoch(of: Classification, device: str = "cpu") -> list[tuple[Tensor, Tensor]]:
    return list(of.train_batches(16, torch.Generator().manual_seed(5), device))


def test_cutout_blots_out_squares_of_the_mean() -> None:
    (whole, labels), (holed, same_labels) = epoch(task())[0], epoch(task(cutout=6))[0]
    assert torch.equal(labels, same_labels)
    blotted = (holed != whole).any(1)
    assert (holed.movedim(1, -1)[blotted] == 0).all()
    areas = blotted.flatten(1).sum(1)
    assert areas.max() == 36
    assert areas.min() >= 9


def test_batches_beside_the_device_are_those_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    resident = epoch(task())
    monkeypatch.setattr(memory_images, "fits", lambda size, device: False)
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: self)  # there is none without a GPU
    for (inputs, labels), (others, other_labels) in zip(resident, epoch(task()), strict=True):
        assert torch.equal(inputs, others)
        assert torch.equal(labels, other_labels)


def test_a_gpu_with_little_free_memory_does_not_hold_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert memory_images.fits(250, torch.device("cuda"))
    assert not memory_images.fits(251, torch.device("cuda"))
    assert memory_images.fits(10**15, torch.device("cpu"))


@needs_gpu
def test_batches_are_the_same_on_a_gpu() -> None:
    for (inputs, labels), (others, other_labels) in zip(
        epoch(task(cutout=4)), epoch(task(cutout=4), "cuda"), strict=True
    ):
        assert others.is_cuda
        torch.testing.assert_close(others.cpu(), inputs)
        assert torch.equal(other_labels.cpu(), labels)


@needs_gpu
def test_an_epoch_on_a_gpu_does_not_wait_for_it() -> None:
    batches = task(cutout=4).train_batches(16, torch.Generator(), "cuda")
    next(batches)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(batches)) == 3
    finally:
        torch.cuda.set_sync_debug_mode("default")
