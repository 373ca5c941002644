"""Global state: set in one place, and reported as it is."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from decompbench.bench.base.runtime import (  # fmt: skip
    RuntimeSettings,
    accelerator,
    configure,
    describe,
    keep_freed_memory,
    seed_everything,
    single_thread,
)


@pytest.fixture
def _restored() -> Iterator[None]:
    before = describe()
    yield
    torch.set_num_threads(before["threads"])
    torch.set_float32_matmul_precision(before["float32_matmul_precision"])
    torch.backends.cudnn.allow_tf32 = before["cudnn_tf32"]
    torch.use_deterministic_algorithms(before["deterministic"])


def test_seeds_of_all_generators() -> None:
    draws = []
    for seed in (5, 5, 6):
        seed_everything(seed)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert draws[0] == draws[1]
    assert all(first != second for first, second in zip(draws[0], draws[2], strict=True))


@pytest.mark.usefixtures("_restored")
def test_settings_take_effect_and_are_described() -> None:
    report = configure(RuntimeSettings(threads=1, tf32=True, deterministic=True))
    assert report == describe()
    assert torch.get_num_threads() == report["threads"] == 1
    assert report["float32_matmul_precision"] == "high"
    assert torch.are_deterministic_algorithms_enabled()
    assert configure(RuntimeSettings(threads=2, deterministic=False))["deterministic"] is False
    assert torch.get_num_threads() == 2
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.usefixtures("_restored")
def test_deterministic_algorithms_do_not_fill_fresh_memory() -> None:
    """Filling every new tensor with NaN finds bugs, and costs time."""
    configure(RuntimeSettings(deterministic=True))
    assert torch.utils.deterministic.fill_uninitialized_memory is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_keep_freed_memory() -> None:
    assert keep_freed_memory()


def test_accelerator_changes_its_precision() -> None:
    cpu = torch.device("cpu")
    assert accelerator(cpu, "bf16").mixed_precision == "bf16"
    assert accelerator(cpu).mixed_precision == "no"
    assert accelerator(cpu).device == cpu


@pytest.mark.usefixtures("_restored")
def test_without_compiling_the_same_is_in_force() -> None:
    for deterministic in (True, False):
        settings = RuntimeSettings(threads=1, deterministic=deterministic)
        assert configure(settings, compiles=False) == configure(settings)
    configure(compiles=False)
    assert torch.is_deterministic_algorithms_warn_only_enabled()


@pytest.mark.usefixtures("_restored")
def test_a_single_thread_is_for_the_block_alone() -> None:
    torch.set_num_threads(2)
    with single_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
