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
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ...common.files import write_atomically
from .cache import cache_folder

#: Environment variables that values may depend on: which plugins count.
VARIABLES = ("DECOMPBENCH_PLUGINS",)
#: Ends of the names by which Python knows what is installed in a folder of its path.
INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")


def kept(
    name: str,
    package: str,
    make: Callable[[], Any],
    *,
    data: Callable[[], Iterable[Path]] = tuple,
    complete: Callable[[Any], bool] = lambda value: True,
) -> Any:
    """Return the kept value of a name, or make it and keep it.

    Parameters
    ----------
    name
        The value's.
    package
        What ``make`` imports. Where this process has it already the value is made anew and not kept: no import is
        saved, and what is imported may have been changed since, by whoever did that.
    make
        Gives the value, plain JSON.
    data
        Returns the files that it has read, and folders that it has looked for files in.
    complete
        Whether a value may be kept.
    """
    if package in sys.modules:
        return make()
    try:
        file = cache_folder() / "kept" / f"{name}.json"
    except RuntimeError:  # there is no home folder
        return make()
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # a broken file is none
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["state"] == _state(found["files"])[0]:
            return found["value"]
    began = time.time_ns()
    value = make()
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = sorted({os.path.abspath(one) for one in (*modules, *data()) if one})
    state, changed = _state(files)
    text = json.dumps({"state": state, "value": value, "files": files}, ensure_ascii=False)
    if complete(value) and changed < began:
        with contextlib.suppress(OSError):  # without a cache it works, too
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, text.encode())
    return json.loads(text)["value"]


def _state(files: Sequence[str]) -> tuple[str, int]:
    """Return a digest of Python, of what is installed and of the files as they are, and when one was last changed."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(repr([os.environ.get(name) for name in VARIABLES]).encode())
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
    """Return the metadata of all distributions on Python's path: any installation adds, renames or changes some."""
    found: list[str] = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            found += [entry.path for entry in os.scandir(folder or ".") if entry.name.endswith(INSTALLED)]
    return sorted(os.path.abspath(path) for path in found)
