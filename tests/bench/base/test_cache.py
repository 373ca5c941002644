"""The cache: what unfinished writings leave in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from decompbench.bench.base.cache import remove_with_leftovers


def test_leftovers_go_but_not_what_another_process_writes(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = tmp_path / "state"
    for name in (
        "state",
        f".state.{gone.pid}.tmp",
        f".state.{os.getpid()}.tmp",
        f".state.{os.getppid()}.tmp",
        f".other.{gone.pid}.tmp",
    ):
        (tmp_path / name).touch()
    remove_with_leftovers(path)
    assert {file.name for file in tmp_path.iterdir()} == {f".state.{os.getppid()}.tmp", f".other.{gone.pid}.tmp"}
