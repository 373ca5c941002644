"""Files that some checks can use and none needs."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def super_resolution_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Set5 with published low-resolution images, from ``$DECOMPBENCH_TEST_DATA/data/sr-images.tar``."""
    archive = Path(os.environ.get("DECOMPBENCH_TEST_DATA", "")) / "data" / "sr-images.tar"
    if "DECOMPBENCH_TEST_DATA" not in os.environ or not archive.is_file():
        pytest.skip("DECOMPBENCH_TEST_DATA names no folder with data/sr-images.tar")
    folder = tmp_path_factory.mktemp("sr")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [member for member in tar if "Set5/" in member.name], filter="data")
    return folder
