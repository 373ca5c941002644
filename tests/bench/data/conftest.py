"""Files that some checks can use and none needs."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def super_resolution_images(shared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Set5 with published low-resolution images."""
    archive = shared("data/sr-images.tar")
    folder = tmp_path_factory.mktemp("sr")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [member for member in tar if "Set5/" in member.name], filter="data")
    return folder
