"""Published weights and images that some tests can use and none needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DECOMPBENCH_SHARED") or Path(__file__).parents[1].parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find a file or folder in ``$DECOMPBENCH_SHARED``, by default ``shared`` beside the checkout, or skip the test."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"{name} is not in $DECOMPBENCH_SHARED, {SHARED}")
        return SHARED / name

    return find
