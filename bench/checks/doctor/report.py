"""The facts: machine, environment, code, folders, and how well two equal models can be told to be equal."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from ...base.control_groups import quota_cores
from ...base.files import cache_folder
from ...base.machine import describe_machine
from ...base.provenance import code_revision, library_versions
from ...base.runtime import describe
from ...data.places import data_folder
from ...measure import Comparison, compare
from ...measure.forms import require
from ...suite.form_name import EAGER, PARTS, FormError

#: Variables that change what torch does or how fast.
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "ATEN_CPU_CAPABILITY", "ONEDNN_VERBOSE", "LD_PRELOAD",
    "PYTORCH_CUDA_ALLOC_CONF", "DECOMPBENCH_DATA", "DECOMPBENCH_MACHINE",
)  # fmt: skip
#: Packages that are needed for one thing or another only.
OPTIONAL = ("asv", "pytest-benchmark", "onnx", "onnxscript", "onnxruntime", "pycocotools", "scikit-learn", "playwright")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes
    ----------
    machine : dict
        As results have it, see ``machine.describe_machine``.
    torch : dict
        Versions, settings in force, and which forms can be timed or why not.
    packages : dict
        Versions of the libraries that records name, and of optional ones that are installed.
    code : str or None
        Revision of the working tree, with ``-dirty`` where it has changes.
    environment : dict
        Variables that are set and change what torch does.
    system : dict
        Governor, quota, memory, battery.
    folders : dict
        Where data and cached weights are looked for, with free space in bytes.
    probe : dict
        Two equal models timed side by side: half-width of their ratio's interval, noise.
    """

    machine: dict[str, Any]
    torch: dict[str, Any]
    packages: dict[str, str]
    code: str | None
    environment: dict[str, str]
    system: dict[str, Any]
    folders: dict[str, Any]
    probe: dict[str, Any]


def examine(probe_seconds: float = 5.0) -> Report:
    """Look at the machine and time two equal models on its CPU.

    Parameters
    ----------
    probe_seconds : float
        How long at most.
    """
    return Report(
        machine=describe_machine(),
        torch=_torch(),
        packages=library_versions() | _installed(OPTIONAL),
        code=code_revision(),
        environment={name: os.environ[name] for name in VARIABLES if name in os.environ},
        system=_system(),
        folders={"data": _folder(data_folder()), "cache": _folder(cache_folder())},
        probe=_probe(probe_seconds),
    )


def _torch() -> dict[str, Any]:
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **describe(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "gpus": [_gpu(number) for number in range(torch.cuda.device_count())],
    }
    device = "cuda" if found["gpus"] else "cpu"
    return found | {"forms": {form: _refusal(form, device) for form in (EAGER, *PARTS)}}


def _gpu(number: int) -> dict[str, Any]:
    free, total = torch.cuda.mem_get_info(number)
    own = torch.cuda.memory_reserved(number)
    return {"name": torch.cuda.get_device_name(number), "memory": total, "used_by_others": max(0, total - free - own)}


def _refusal(form: str, device: str) -> str | None:
    try:
        require(form, device)
    except FormError as error:
        return str(error)
    return None


def _installed(names: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _system() -> dict[str, Any]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return {
        "system": platform.platform(),
        "governor": _text(GOVERNOR),
        "quota_cores": quota_cores(),
        "memory_available": memory.available,
        "swap_used": swap.used,
        "on_battery": bool(battery and not battery.power_plugged),
    }


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _folder(path: Path) -> dict[str, Any]:
    existing = next(one for one in (path, *path.absolute().parents) if one.exists())
    return {"path": str(path), "exists": path.exists(), "free": psutil.disk_usage(str(existing)).free}


def _probe(seconds: float) -> dict[str, Any]:
    """Time two equal small networks, which any difference found between is noise."""
    generator = torch.Generator().manual_seed(0)
    models = {name: _network(generator.manual_seed(0)) for name in ("one", "other")}
    example = torch.randn(1, 32, 32, 32, generator=generator)
    found: Comparison = compare(models, example, seconds=seconds, half_width=0.01)
    ratio = found.ratio("other")
    return {
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "half_width": ratio.half_width,
        "rounds": found.rounds,
        "ended": found.ended,
        "threads": found.threads,
        "noise": found.conditions.describe(),
    }


def _network(generator: torch.Generator) -> nn.Module:
    layers = nn.Sequential(*(nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(8)))
    for parameter in layers.parameters():
        parameter.data.normal_(std=0.06, generator=generator)
    return layers.eval()
