"""The process's global state: seeds, threads, numerics, the C library's memory, accelerate. Nothing else sets it."""

from __future__ import annotations

import contextlib
import ctypes
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from .errors import BenchError
from .machine import usable_cores

if TYPE_CHECKING:
    from accelerate import Accelerator

Precision = Literal["no", "bf16", "fp16"]


@dataclass(frozen=True)
class RuntimeSettings:
    """Global settings that change speed or rounding.

    Attributes
    ----------
    threads : int, optional
        Threads of one operation on the CPU, fewer where the machine has fewer cores; as torch finds it where None.
    tf32 : bool
        Let a GPU round the factors of float32 products to 10 bits.
    cudnn_benchmark : bool
        Let cuDNN try its algorithms out; which one wins can differ from run to run.
    deterministic : bool
        Take deterministic algorithms only where there is a choice, and warn where there is none.
    """

    threads: int | None = None
    tf32: bool = False
    cudnn_benchmark: bool = False
    deterministic: bool = True

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def configure(settings: RuntimeSettings | None = None, *, compiles: bool = True) -> dict[str, Any]:
    """Apply settings to this process and return what is in force, for the record.

    Parameters
    ----------
    settings
        The default ones if None.
    compiles
        Whether this process may compile models: torch's compiler, whose import takes as long as torch's own, is then
        told to be deterministic, too.
    """
    settings = settings or RuntimeSettings()
    if settings.threads is not None:
        torch.set_num_threads(min(settings.threads, usable_cores()))
    torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = settings.tf32
    torch.backends.cudnn.benchmark = settings.cudnn_benchmark
    torch.backends.cudnn.deterministic = settings.deterministic
    if compiles:
        torch.use_deterministic_algorithms(settings.deterministic, warn_only=True)
    else:
        torch.set_deterministic_debug_mode("warn" if settings.deterministic else "default")
    # A debugging aid that costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    keep_freed_memory()
    return describe()


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Use one thread for what is so small that several would only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def describe() -> dict[str, Any]:
    """The global settings in force."""
    return {
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "mkldnn": torch.backends.mkldnn.is_available(),
    }


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators, for what takes no generator of its own."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (the global generator is what must be seeded)
    torch.manual_seed(seed)


def keep_freed_memory() -> bool:
    """Have glibc keep freed blocks for the next use rather than hand them back to the system.

    A training step frees and asks for the same megabytes again; getting fresh pages each time costs about a
    tenth of the step. Does nothing, and returns False, where the C library is another.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # M_TRIM_THRESHOLD, ... of malloc.h
    wanted = {mmap_threshold: 32 << 20, trim_threshold: 2**31 - 1, top_pad: 64 << 20}
    return all([mallopt(option, value) == 1 for option, value in wanted.items()])


def release_freed_memory() -> None:
    """Have glibc hand freed blocks back to the system; does nothing where the C library is another."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def device_name(device: str, devices: int = 1) -> str:
    """Return the name of the processor a trial runs on; BenchError where there is none such, or too few."""
    kind, _, number = device.partition(":")
    if device == "cpu":
        return device
    if kind != "cuda" or not (number.isdecimal() or device == "cuda"):
        raise BenchError(f"device '{device}': must be cpu, cuda or cuda:N")
    if int(number or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise BenchError(f"device '{device}': torch finds {found} GPUs here; use --device cpu")
    if devices > torch.cuda.device_count() or (devices > 1 and number):
        found = torch.cuda.device_count()
        raise BenchError(f"{devices} devices: torch finds {found} GPUs here; they are used from the first on")
    return torch.cuda.get_device_name(device)


def accelerator(device: torch.device, precision: Precision = "no") -> Accelerator:
    """Accelerate's object for one device and precision.

    Its state is one per process and refuses to change; it is made anew here where something else is asked
    for.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    cpu = device.type == "cpu"
    if AcceleratorState._shared_state:
        state = AcceleratorState()
        if state.mixed_precision != precision or (state.device.type == "cpu") != cpu:
            AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=cpu, mixed_precision=precision)
