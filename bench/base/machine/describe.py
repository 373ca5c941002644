"""The machine the trials run on: an id without any host name, and a description written once."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import psutil

from ....common.files import write_atomically
from ..errors import StoreError
from .identity import MACHINE_VARIABLE, drawn_part


def describe_machine() -> dict[str, Any]:
    """Return what the machine is: processor, cores, memory, GPUs, system, and its id.

    The id is made from these and ends with a part drawn once for this installation, see :mod:`.identity`. The
    environment variable ``DECOMPBENCH_MACHINE`` gives another id.

    Raises
    ------
    StoreError
        The name in the variable cannot be a folder's name, or the file that keeps the drawn part is damaged.
    """
    description: dict[str, Any] = {
        "cpu": _cpu_model(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpus": _gpus(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }
    if description["gpus"]:
        description["gpu_driver"] = _gpu_driver()
    named = os.environ.get(MACHINE_VARIABLE)
    return {"id": _checked(named) if named else f"{_derived_id(description)}-{drawn_part()}", **description}


def write_machine(results: Path, description: dict[str, Any]) -> Path:
    """Write ``<results>/machines/<id>.json`` unless it is there, and return its path.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    path = results / "machines" / f"{description['id']}.json"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(description, indent=2) + "\n").encode())
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def usable_cores() -> int:
    """Return how many logical cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise StoreError(f"{MACHINE_VARIABLE}={name!r}: use letters, digits, '.', '_' and '-' only")
    return name


def _derived_id(description: dict[str, Any]) -> str:
    """Return what machines that are alike have in common."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:8]
    words = re.sub(r"\(.*?\)|@.*|\b(cpu|processor|with)\b", " ", description["cpu"].lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", words))[:32].strip("-") or "cpu"
    return f"{slug}-{description['usable_cores']}c-{digest}"


def _cpu_model() -> str:
    """Return the processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs, from the driver's own files."""
    names = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return names


def _gpu_driver(file: Path = Path("/proc/driver/nvidia/version")) -> str:
    """Return the version of NVIDIA's kernel module: the first number in its description."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    match = re.search(r"\b\d+\.\d+(\.\d+)?\b", text)
    return match[0] if match else "unknown"
