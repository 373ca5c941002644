"""Files that some checks can use and none needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_weights() -> Path:
    """Published CIFAR ResNet weights: the folder ``weights`` under ``$DECOMPBENCH_TEST_DATA``."""
    folder = Path(os.environ.get("DECOMPBENCH_TEST_DATA", "")) / "weights"
    if "DECOMPBENCH_TEST_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("DECOMPBENCH_TEST_DATA names no folder with weights/")
    return folder
