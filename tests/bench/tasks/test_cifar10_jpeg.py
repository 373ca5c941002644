"""Published accuracy on CIFAR-10 as JPEG files: the whole way from files to a percentage."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from decompbench.bench.tasks import create_task
from decompbench.models import load_model

TEST_DATA = Path(os.environ.get("DECOMPBENCH_TEST_DATA", ""))


@pytest.mark.slow
@pytest.mark.skipif(
    "DECOMPBENCH_TEST_DATA" not in os.environ or not (TEST_DATA / "data" / "cifar10-jpeg.tar.gz").is_file(),
    reason="DECOMPBENCH_TEST_DATA names no folder with data/cifar10-jpeg.tar.gz",
)
def test_resnet20_has_its_published_accuracy(tmp_path: Path) -> None:
    """81.03 % of the JPEG test set; one training image a class is enough to name the classes."""

    def wanted(member: tarfile.TarInfo) -> bool:
        return member.name.startswith("test/") or member.name.endswith("/0000.jpg")

    with tarfile.open(TEST_DATA / "data" / "cifar10-jpeg.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data", members=[member for member in tar if wanted(member)])
    task = create_task(
        "classification", f"cifar10-jpeg:{tmp_path}", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    model = load_model("resnet20", pretrained=TEST_DATA / "weights" / "resnet20-cifar10.safetensors")
    assert task.evaluate(model)["top1"] == pytest.approx(81.03, abs=0.03)
