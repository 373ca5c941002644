"""Tiny suites, made-up records, and one real run of the packaged suite ``smoke`` that many tests look at."""

import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from .factories import decompbench_process, write_suite

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache of the tests' own; processes that are started have it, too."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "decompbench"


@pytest.fixture
def image_folder(tmp_path):
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


@pytest.fixture
def trials(tmp_path):
    """Three trials: dense, and two methods at one budget."""
    return expand(load_suite(str(write_suite(tmp_path))))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The suite ``smoke``, really run once into a folder of its own; nobody writes there."""
    run = decompbench_process("run", "smoke", results=tmp_path_factory.mktemp("smoke"))
    assert run.returncode == 0, run.stdout + run.stderr
    return run


@pytest.fixture(scope="session")
def super_resolution_images(shared, tmp_path_factory):
    """Set5 with published low-resolution images."""
    archive = shared("data/sr-images.tar")
    folder = tmp_path_factory.mktemp("sr")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [member for member in tar if "Set5/" in member.name], filter="data")
    return folder
