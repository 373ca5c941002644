"""The records file: appended to atomically, read with every line verified, damaged ones named and left out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...common.files import require_writable, sync
from ..base.errors import RunLockedError, StoreError
from .lines import read_line

if TYPE_CHECKING:
    from .record import Record

#: Bytes to have free for each record before a run starts; a record with its raw samples takes about 60 kB.
BYTES_PER_RECORD = 256 * 1024


@dataclass(frozen=True)
class Damage:
    """A line that could not be read: the file, the line's number from 1, and why."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}; the line is left out"


class RecordStore:
    """The records of one suite on one machine: ``<results>/<suite>/<machine>/records.jsonl``.

    Parameters
    ----------
    folder
        ``<results>/<suite>/<machine>``; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "records.jsonl"

    def read(self) -> tuple[list[Record], list[Damage]]:
        """Return the records in the order they were written, and what could not be read."""
        return read_records(self.path)

    def check(self, records: int) -> None:
        """Make sure that ``records`` more records can be written.

        Raises
        ------
        StoreError
            The folder cannot be made or written, or the disk is (nearly) full.
        """
        try:
            require_writable(self.folder)
            if self.path.exists():
                os.close(os.open(self.path, os.O_WRONLY | os.O_APPEND))
        except OSError as error:
            raise StoreError(f"cannot write results to {self.folder}: {error.strerror or error}") from None
        free, needed = shutil.disk_usage(self.folder).free, records * BYTES_PER_RECORD
        if free < needed:
            raise StoreError(
                f"too little space for results in {self.folder}: {free / 1e6:.1f} MB free, "
                f"{needed / 1e6:.1f} MB wanted for {records} records"
            )

    def append(self, record: Record) -> None:
        """Write one record: all of it, on the disk when this returns, or nothing.

        Raises
        ------
        StoreError
            It could not be written (disk full, folder gone); the file is as it was before.
        """
        line = record.line().encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"cannot write to {self.path}: {error.strerror or error}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append_all(descriptor, line)
        except OSError as error:
            raise StoreError(
                f"{self.path}: the record of {record.name} could not be written ({error.strerror or error}); "
                "the file is as it was before"
            ) from None
        finally:
            os.close(descriptor)
        sync(self.folder)

    @contextlib.contextmanager
    def run_lock(self) -> Iterator[None]:
        """Hold the folder for one run; given back by the system even if the process is killed.

        Raises
        ------
        RunLockedError
            Another process holds it; the message names its id.
        """
        path = self.folder / ".run.lock"
        descriptor = _open_locked(path)
        try:
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            # Still locked: nobody else can have taken this very file meanwhile.
            path.unlink(missing_ok=True)
            os.close(descriptor)


def read_records(path: Path) -> tuple[list[Record], list[Damage]]:
    """Read a records file.

    Parameters
    ----------
    path
        A ``records.jsonl``; a file that does not exist has no records.

    Returns
    -------
    tuple of list
        The records in file order, and the lines that could not be read.

    Raises
    ------
    StoreError
        The file is there but cannot be read at all.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    return parse_records(content, path)


def parse_records(content: bytes, path: Path) -> tuple[list[Record], list[Damage]]:
    """Return the records in the content of a records file, and what could not be read; ``path`` is for messages."""
    records: list[Record] = []
    damages: list[Damage] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            try:
                records.append(_parse(line))
            except ValueError as error:
                damages.append(Damage(path, number, str(error)))
    return records, damages


def read_all(folders: Iterable[Path]) -> tuple[list[Record], list[Damage]]:
    """Read the records files of several ``<results>/<suite>/<machine>`` folders, one after the other."""
    records: list[Record] = []
    damages: list[Damage] = []
    for folder in folders:
        more, damaged = RecordStore(folder).read()
        records += more
        damages += damaged
    return records, damages


def describe_damages(damages: Iterable[Damage]) -> list[str]:
    """Return a line for each reason in each file, with the numbers of all lines it holds for."""
    alike: dict[tuple[Path, str], list[int]] = {}
    for damage in damages:
        alike.setdefault((damage.path, damage.reason), []).append(damage.line)
    return [
        str(Damage(path, lines[0], reason))
        if len(lines) == 1
        else f"{path}: {reason}; {len(lines)} lines are left out: {_ranges(lines)}"
        for (path, reason), lines in alike.items()
    ]


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers as ``1-3, 7``."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in zip(starts, ends, strict=True))


def _parse(line: bytes) -> Record:
    """Return the record in a line; ValueError says what is wrong with it."""
    from pydantic import ValidationError

    from .record import Record  # with torch, which those who only verify lines need not wait for

    document, _ = read_line(line)
    try:
        return Record.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"not a whole record: {place}: {first['msg']}") from None


def _append_all(descriptor: int, line: bytes) -> None:
    """Append ``line`` on a line of its own; on any failure cut the file back to what it was."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, size)
        raise


def _open_locked(path: Path) -> int:
    """Return the descriptor of a lock file that nobody else holds; RunLockedError names who does."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise RunLockedError(
                f"process {holder} is running this suite into {path.parent}; "
                "wait for it, or give this run another folder with --results"
            ) from None
        # The run before may have removed the file between our opening and locking it.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
