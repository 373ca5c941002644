"""Batches that are made beforehand in a thread are those that would be made in their turn."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decompbench.bench.data import DataError
from decompbench.bench.tasks import create_task
from decompbench.bench.tasks.prefetch import AHEAD, made_ahead


def test_order_is_kept_and_work_is_done_in_another_thread() -> None:
    threads = set()

    def make(number: int) -> int:
        threads.add(threading.get_ident())
        return number**2

    assert list(made_ahead(make, range(10))) == [number**2 for number in range(10)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_is_raised_in_its_turn() -> None:
    batches = made_ahead(lambda number: 1 // (3 - number), range(9))
    assert [next(batches) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_who_stops_early_leaves_no_thread_and_little_work_behind() -> None:
    made: list[int] = []
    before = threading.active_count()
    batches = made_ahead(made.append, range(1000))
    next(batches)
    batches.close()
    assert threading.active_count() == before
    assert len(made) <= 1 + AHEAD


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for index in range(4):
        Image.fromarray(generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / f"{index}.png")
    return tmp_path


def test_patches_are_those_of_the_random_numbers_drawn_step_by_step(pictures: Path) -> None:
    """Drawn one batch after the other from the generator, whose state at the end of the epoch is the same, too."""
    options = {"patch_size": 8, "example_size": 8, "patches_per_epoch": 12, "decoded": 1}
    task = create_task("super_resolution", f"sr:{pictures} -> sr:{pictures}", **options)
    ahead, stepwise = (torch.Generator().manual_seed(3) for _ in range(2))
    for _ in range(2):
        for low, high in task.train_batches(3, ahead):
            wanted = task._cut(task._draw(3, stepwise))
            assert torch.equal(low, wanted[0].float() / 255)
            assert torch.equal(high, wanted[1].float() / 255)
        assert torch.equal(ahead.get_state(), stepwise.get_state())


def test_a_file_that_cannot_be_read_is_told_of_by_name(pictures: Path) -> None:
    options = {"patch_size": 8, "example_size": 8, "patches_per_epoch": 64, "decoded": 1}
    task = create_task("super_resolution", f"sr:{pictures} -> sr:{pictures}", **options)
    content = (pictures / "2.png").read_bytes()
    (pictures / "2.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"2\.png cannot be read"):
        list(task.train_batches(2, torch.Generator().manual_seed(0)))
