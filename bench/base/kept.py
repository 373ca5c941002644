"""Values made from code, kept in the cache folder between runs: a verb that only shows one need not import that code.

A value counts as long as nothing has changed since it was made: every file that was imported by then, by its size and
the time of its last change, and every distribution that is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cache import cache_folder
from .files import write_atomically

#: Ends of the names by which Python knows what is installed in a folder of its path.
INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")


def find_kept(name: str, package: str) -> Any:
    """Return the kept value of a name; None where there is none that counts.

    Parameters
    ----------
    name
        The value's.
    package
        The package that it is made from. Where this process has imported it already, no value counts: making it again
        saves no import, and what is imported may have been added to since.
    """
    if package in sys.modules:
        return None
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # a broken file is no value
        kept = json.loads(_file(name).read_text(encoding="utf-8"))
        if kept["state"] == _state(kept["files"])[0]:
            return kept["value"]
    return None


def keep(name: str, value: Any, *, since: int, data: Iterable[Path] = ()) -> None:
    """Keep a JSON value that was made from all that this process has imported by now.

    Where a file was changed after ``since``, or the cache folder cannot be written, nothing is kept.

    Parameters
    ----------
    since
        ``time.time_ns()`` before the value's code was imported.
    data
        Files that were read to make it, and folders in which files may be added.
    """
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = sorted({os.path.abspath(file) for file in (*modules, *data) if file})
    state, changed = _state(files)
    if changed >= since:
        return
    text = json.dumps({"state": state, "value": value, "files": files}, ensure_ascii=False)
    with contextlib.suppress(OSError):
        file = _file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())


def _file(name: str) -> Path:
    return cache_folder() / "kept" / f"{name}.json"


def _state(files: Sequence[str]) -> tuple[str, int]:
    """Return a digest of Python, of what is installed and of the files as they are, and when a file last changed."""
    digest = hashlib.sha256(sys.version.encode())
    newest = 0
    for file in (*files, *_installed()):
        try:
            status = os.stat(file)
        except OSError:
            digest.update(f"{file}\0absent\n".encode())
            continue
        digest.update(f"{file}\0{status.st_size} {status.st_mtime_ns}\n".encode())
        newest = max(newest, status.st_mtime_ns)
    return digest.hexdigest(), newest


def _installed() -> list[str]:
    """Return the metadata of all distributions on Python's path, which are renamed or changed by any installation."""
    found: list[str] = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            found += [entry.path for entry in os.scandir(folder or ".") if entry.name.endswith(INSTALLED)]
    return sorted(os.path.abspath(path) for path in found)
