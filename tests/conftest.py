"""Fixtures of all tests: none sees the user's plugins, settings, cache or results; some use published files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DECOMPBENCH_SHARED") or Path(__file__).parents[1].parent / "shared")
#: Folders of the tests' own; processes that tests start have them, too.
FOLDERS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DECOMPBENCH_RESULTS")
#: Variables of the user's that would change what tests see.
UNSET = ("DECOMPBENCH_MACHINE", "DECOMPBENCH_REFERENCE", "DECOMPBENCH_DATA")


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any test module is imported."""
    folder = Path(tempfile.mkdtemp(prefix="decompbench-tests-"))
    patch = pytest.MonkeyPatch()
    for name in FOLDERS:
        patch.setenv(name, str(folder / name.lower()))
    for name in UNSET:
        patch.delenv(name, raising=False)
    patch.setenv("DECOMPBENCH_PLUGINS", "none")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.add_cleanup(patch.undo)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find a file or folder in ``$DECOMPBENCH_SHARED``, by default ``shared`` beside the checkout, or skip the test."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"{name} is not in $DECOMPBENCH_SHARED, {SHARED}")
        return SHARED / name

    return find
