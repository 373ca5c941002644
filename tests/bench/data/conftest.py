"""Small data for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """``train`` with 3 + 2 and ``test`` with 2 + 1 colour images of 6x4 in the classes cat and dog."""
    generator = np.random.default_rng(0)
    for which, counts in (("train", (3, 2)), ("test", (2, 1))):
        for label, count in zip(("cat", "dog"), counts, strict=True):
            folder = tmp_path / "pets" / which / label
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pets"
