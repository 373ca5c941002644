"""What can change a trial's outcome, and the key made from it."""

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

#: The package that methods, models and bench are in.
PARENT = __name__.rpartition(".bench.")[0]

#: Libraries whose version can change weights, accuracy or timings.
LIBRARIES = (
    "torch", "torchvision", "timm", "numpy", "scipy", "scikit-image", "accelerate", "torchmetrics",
    "safetensors", "fvcore", "pillow",
)  # fmt: skip

#: The parts of this package that train and measure. What only lists, draws, stores, checks, or makes settings that are
#: themselves in the key is left out; a test names it.
TRAINING_SOURCES = ("data", "tasks", "training", "suite/recipe.py", "base/runtime.py", "base/devices.py")
OUTCOME_SOURCES = (*TRAINING_SOURCES, "measure", "planning", "running/run_trial.py")


def trial_key(fingerprint: dict[str, Any]) -> str:
    """Return the key of a fingerprint: the SHA-256 of its canonical JSON."""
    canonical = json.dumps(fingerprint, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
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


@functools.cache
def source_hash(*, dense: bool = False) -> str:
    """Return a hash over the sources of methods, models and the parts of bench that train and measure.

    With ``dense`` only over what trains a dense model: no method, and nothing that measures.
    """
    here = Path(__file__).parents[1]
    bench = [file for part in (TRAINING_SOURCES if dense else OUTCOME_SOURCES) for file in _python_files(here / part)]
    named = [(f"bench/{file.relative_to(here)}", file) for file in bench]
    for package in ("models",) if dense else ("methods", "models"):
        folder = _package_folder(f"{PARENT}.{package}")
        files = [file for file in _python_files(folder) if folder / "conformance" not in file.parents]
        named += [(f"{package}/{file.relative_to(folder)}", file) for file in files]
    return _hash_files(named)


@functools.cache
def plugin_hash(module: str) -> str | None:
    """Return a hash over the source a method or task from outside comes from; None for our own.

    Parameters
    ----------
    module
        ``__module__`` of its class. All of its top-level package counts.
    """
    if module.startswith((f"{PARENT}.methods.", f"{PARENT}.bench.")):
        return None
    top = importlib.import_module(module.partition(".")[0])
    file = getattr(top, "__file__", None) or getattr(sys.modules[module], "__file__", None)
    if file is None:
        return module
    path = Path(file)
    folder = path.parent
    files = _python_files(folder) if path.name == "__init__.py" else [path]
    return _hash_files([(str(one.relative_to(folder)), one) for one in files])


@functools.cache
def code_revision() -> str | None:
    """Return ``git describe`` of the working tree this code lies in, None where it lies in none of ours."""
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    try:
        # An installed copy may lie inside somebody else's repository: only a tracked file is in its own.
        _output([*git, "ls-files", "--error-unmatch", here.name])
        return _output([*git, "describe", "--always", "--dirty", "--abbrev=12"])
    except (OSError, subprocess.SubprocessError):
        return None


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()


def _package_folder(package: str) -> Path:
    file = importlib.import_module(package).__file__
    if file is None:
        raise ImportError(f"{package} has no file")
    return Path(file).parent


def _python_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _hash_files(named: list[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(named):
        digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()
