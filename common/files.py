"""Files that are written whole or not at all, and are on the disk when the writing is done."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file to write beside ``path``; when the block ends, that file becomes ``path``.

    The name has this process's id in it, so that two processes do not mix. When the block is left, the new file and its
    name are on the disk and outlive a power cut. After an error the new file is gone and the old one is untouched.

    Raises
    ------
    OSError
        The file could not be written to the disk or moved.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield part
        sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync(path.parent)


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file whole or not at all, on the disk when this returns; see `replacing`.

    Raises
    ------
    OSError
        It could not be written; what was there before is still there.
    """
    with replacing(path) as part, part.open("wb") as file:
        file.writelines(parts)


def unfinished(path: Path) -> Iterator[tuple[Path, int]]:
    """Yield what `replacing` has made for ``path`` and not moved there, each file with the id of its process."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        writer = part.name.split(".")[-2]
        if writer.isdecimal():
            yield part, int(writer)


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


def sync(path: Path) -> None:
    """Have the system put a file's content, or the names in a folder, on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
