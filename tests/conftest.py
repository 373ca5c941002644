"""How the tests share a machine when several workers run them (``--numprocesses 2 --dist loadgroup``)."""

import os
from pathlib import Path

import pytest
import torch

BENCH = Path(__file__).parent / "bench"

if "PYTEST_XDIST_WORKER" in os.environ:
    # workers with several threads each wait for one another
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests that start processes of the harness to one worker: they use more than one core by themselves."""
    for item in items:
        if item.path.is_relative_to(BENCH):
            item.add_marker(pytest.mark.xdist_group("bench"))
