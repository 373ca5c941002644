"""Memory's high-water mark, threads held to cores, and the size of caches."""

import contextlib
import os
import sys

import pytest
import torch

from decompbench.bench.measure import PeakMemory, pinning, process_peak
from decompbench.bench.measure.pinning import BINDING, choose_cores, computing_threads, held_to_cores
from decompbench.bench.measure.timers import ASSUMED_CACHE, last_cache_bytes

linux = pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")
CPU = torch.device("cpu")


@linux
def test_peak_is_that_of_the_span_and_not_of_before():
    big = torch.ones(100 * 2**20, dtype=torch.uint8)
    del big
    span = PeakMemory(CPU)
    small = torch.ones(40 * 2**20, dtype=torch.uint8)
    del small
    use = span.use()
    assert use is not None
    assert use.of == "process"
    assert 35 * 2**20 < use.peak - use.before < 60 * 2**20


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_it_is_what_torch_allocated_there():
    device = torch.device("cuda")
    span = PeakMemory(device)
    torch.ones(40 * 2**20, dtype=torch.uint8, device=device)
    use = span.use()
    assert use is not None
    assert use.of == "device"
    assert use.peak - use.before == 40 * 2**20


@linux
def test_resetting_the_mark_does_not_lose_the_processs_peak():
    big = torch.ones(200 * 2**20, dtype=torch.uint8)
    before = process_peak()
    del big
    PeakMemory(CPU).use()
    assert process_peak() >= before > 200 * 2**20


def test_threads_are_set_and_put_back_also_after_an_error():
    before = torch.get_num_threads()
    with contextlib.suppress(KeyError), computing_threads(before + 1) as count:
        assert count == torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before
    with computing_threads() as count:
        assert count == before


@linux
def test_threads_are_held_to_as_many_cores_and_let_go_again(monkeypatch):
    for name in BINDING:
        monkeypatch.delenv(name, raising=False)
    allowed = os.sched_getaffinity(0)
    with contextlib.suppress(KeyError), held_to_cores(1) as cores:
        assert len(cores) == 1
        assert os.sched_getaffinity(0) == set(cores) <= allowed
        raise KeyError
    assert os.sched_getaffinity(0) == allowed


def test_threads_that_openmp_binds_are_left_alone(monkeypatch):
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    with held_to_cores(1) as cores:
        assert cores == ()


def test_a_second_core_of_a_physical_one_comes_last(tmp_path, monkeypatch):
    monkeypatch.setattr(pinning, "TOPOLOGY", tmp_path)
    for core in range(4):  # 0 and 2 are one physical core, 1 and 3 the other
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("0,2" if core % 2 == 0 else "1,3")
    assert choose_cores([0, 1, 2, 3], 2) == [2, 3]
    assert choose_cores([0, 1, 2, 3], 3) == [1, 2, 3]
    assert choose_cores([0, 2], 4) == [0, 2]


@pytest.mark.parametrize(("text", "cores"), [("2,6", (2, 6)), ("2-3", (2, 3)), ("0-1,4-5", (0, 1, 4, 5)), ("?", (2,))])
def test_siblings_are_read_from_lists_and_spans(text, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(pinning, "TOPOLOGY", tmp_path)
    assert pinning.siblings(2) == (2,)
    folder = tmp_path / "cpu2" / "topology"
    folder.mkdir(parents=True)
    (folder / "thread_siblings_list").write_text(f"{text}\n")
    assert pinning.siblings(2) == cores


def test_last_cache_is_the_largest(tmp_path):
    assert last_cache_bytes(tmp_path) == ASSUMED_CACHE
    for index, size in enumerate(("48K", "2M", "unknown")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    assert last_cache_bytes(tmp_path) == 2 * 2**20
