"""Files written whole or not at all, by several processes at once, too."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decompbench.bench.base.files import remove_with_leftovers, require_writable, write_atomically


def test_a_file_and_its_name_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    write_atomically(tmp_path / "state", b"one", memoryview(b"two"))
    assert (tmp_path / "state").read_bytes() == b"onetwo"
    assert synced == [str(tmp_path / f".state.{os.getpid()}"), str(tmp_path)]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with pytest.raises(OSError, match="state"):
        write_atomically(tmp_path / "state", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_leftovers_go_but_not_what_another_process_writes(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = tmp_path / "state"
    for name in (
        "state",
        f".state.{gone.pid}",
        f".state.{os.getpid()}",
        f".state.{os.getppid()}",
        f".other.{gone.pid}",
    ):
        (tmp_path / name).touch()
    remove_with_leftovers(path)
    assert {file.name for file in tmp_path.iterdir()} == {f".state.{os.getppid()}", f".other.{gone.pid}"}


def test_several_may_try_a_folder_at_once(tmp_path: Path) -> None:
    """As all processes of a training on several devices do."""
    folder = tmp_path / "new"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(require_writable, [folder] * 200))
    assert not list(folder.iterdir())
