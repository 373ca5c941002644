"""Files that are written whole or not at all, and are on the disk when the writing is done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file whole or not at all, on the disk when this returns; two processes that write it do not mix.

    Raises
    ------
    OSError
        It could not be written; what was there before is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_with_leftovers(path: Path) -> None:
    """Remove a file, and what processes left that were ended while they wrote it; one that still writes goes on."""
    path.unlink(missing_ok=True)
    for part in path.parent.glob(f".{path.name}.*"):
        writer = part.name.rpartition(".")[2]
        if not writer.isdecimal() or int(writer) == os.getpid() or not psutil.pid_exists(int(writer)):
            part.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Make a folder and try that a file can be written in it, under a name of its own.

    Raises
    ------
    OSError
        It cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"\0" * 4096)
        probe.flush()
        os.fsync(probe.fileno())


def sync_folder(folder: Path) -> None:
    """Make a new file's name as lasting as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
