"""Published accuracies on CIFAR-10 as JPEG files: the whole way from files to a percentage."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from decompbench.bench.tasks import create_task
from decompbench.models import load_model

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What the published weights were trained with."""


def unpack(archive: Path, folder: Path, tests: int) -> str:
    """Unpack the first ``tests`` test images of each class, and one training image to name the class."""

    def wanted(name: str) -> bool:
        return int(Path(name).stem) < (tests if name.startswith("test/") else 1)

    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile() and wanted(member.name)]
        tar.extractall(folder, members, filter="data")
    return f"cifar10-jpeg:{folder}"


def accuracy(shared, depth: int, data: str) -> float:
    model = load_model(f"resnet{depth}", pretrained=shared(f"weights/resnet{depth}-cifar10.safetensors"))
    return create_task("classification", data, **IMAGENET).evaluate(model)["top1"]


def test_resnet20_on_a_tenth_of_the_test_set(shared, tmp_path: Path) -> None:
    """No published number: one image more or less, which rounding can make, is 0.1."""
    assert accuracy(shared, 20, unpack(shared("data/cifar10-jpeg.tar.gz"), tmp_path, 100)) == pytest.approx(
        80.4, abs=0.15
    )


@pytest.mark.slow
def test_published_accuracies(shared, tmp_path: Path) -> None:
    data = unpack(shared("data/cifar10-jpeg.tar.gz"), tmp_path, 1000)
    measured = {depth: accuracy(shared, depth, data) for depth in (20, 32, 44, 56)}
    assert measured == pytest.approx({20: 81.03, 32: 82.56, 44: 82.67, 56: 83.20}, abs=0.005)
