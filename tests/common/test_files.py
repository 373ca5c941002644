"""Files written whole or not at all, and on the disk when that is done."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decompbench.common.files import replacing, require_writable, unfinished, write_atomically


def test_a_file_and_its_name_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    write_atomically(tmp_path / "state", b"one", memoryview(b"two"))
    assert (tmp_path / "state").read_bytes() == b"onetwo"
    assert synced == [str(tmp_path / f".state.{os.getpid()}.tmp"), str(tmp_path)]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with pytest.raises(OSError, match="state"):
        write_atomically(tmp_path / "state", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def write() -> None:
        with replacing(path) as part:
            part.write_bytes(b"new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["state"]


def test_unfinished_writings_name_their_process(tmp_path: Path) -> None:
    path = tmp_path / "a[b].state"  # no pattern
    with replacing(path) as part:
        part.touch()
        (tmp_path / f".b.state.{os.getpid()}.tmp").touch()
        (tmp_path / ".a[b].state.mine.tmp").touch()
        assert list(unfinished(path)) == [(part, os.getpid())]
    assert list(unfinished(path)) == []


def test_several_may_try_a_folder_at_once(tmp_path: Path) -> None:
    """As all processes of a training on several devices do."""
    folder = tmp_path / "new"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(require_writable, [folder] * 200))
    assert not list(folder.iterdir())
