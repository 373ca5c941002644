"""The software that a result is made with: libraries, revision, source and declared versions; and keys."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from .sources import PARENT, folder_digest

#: Libraries whose version can change weights, accuracy or timings.
LIBRARIES = (
    "torch", "torchvision", "timm", "numpy", "scipy", "scikit-image", "accelerate", "torchmetrics",
    "safetensors", "fvcore", "pillow",
)  # fmt: skip


def key_of(identity: dict[str, Any]) -> str:
    """Return the key of what was asked for: the SHA-256 of its canonical JSON."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "absent"
    return versions


def is_ours(module: str) -> bool:
    """Tell whether a module is of this project, not of a plugin."""
    return module.startswith((f"{PARENT}.methods.", f"{PARENT}.bench."))


@functools.cache
def plugin_digest(module: str) -> str:
    """Return the digest of the source of a plugin's method or task: of its whole top-level package.

    Parameters
    ----------
    module
        ``__module__`` of its class. A module without a file, as in a notebook, is told by its name.
    """
    top = importlib.import_module(module.partition(".")[0])
    file = getattr(top, "__file__", None) or getattr(sys.modules[module], "__file__", None)
    if file is None:
        return module
    path = Path(file)
    return folder_digest(path.parent if path.name == "__init__.py" else path)


def declared_version(cls: type) -> int | str:
    """Return the version that the class of a method or a task declares, else the digest of the plugin's source.

    A plugin's class that inherits its version from one of ours declares none, since it has changes of its own.
    """
    declaring = next((base for base in cls.__mro__ if "version" in base.__dict__), None)
    own_package = cls.__module__.partition(".")[0]
    if declaring is not None and declaring.__module__.partition(".")[0] == own_package:
        return declaring.__dict__["version"]
    return f"source {plugin_digest(cls.__module__)}"


@functools.cache
def code_revision() -> str | None:
    """Return ``git describe`` of the working tree this code lies in, None where it lies in none of ours.

    It ends in ``-dirty`` where a file is changed, or a Python file is new: no commit has that code.
    """
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    try:
        # An installed copy may lie inside somebody else's repository: only a tracked file is in its own.
        _output([*git, "ls-files", "--error-unmatch", here.name])
        revision = _output([*git, "describe", "--always", "--dirty", "--abbrev=12"])
        untracked = _output([*git, "ls-files", "--others", "--exclude-standard", "--", f"{here.parents[3]}/*.py"])
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{revision}-dirty" if untracked and not revision.endswith("-dirty") else revision


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
