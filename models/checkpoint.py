"""Checkpoints: weights files of anyone's, read into a model. No pickled code is ever run."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from .errors import WeightsError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")
"""Entries of a checkpoint that hold the state dict, beside an optimiser's state, an epoch, ..."""
PREFIXES = ("module.", "_orig_mod.")
"""What ``DataParallel`` and ``torch.compile`` put before every key."""
_LISTED = 5
"""Keys of a kind that an error about a misfit names before it only counts them."""


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors (by suffix) or from ``torch.save`` (``weights_only=True``).

    A checkpoint's entry in `WRAPPERS` is taken out, also where one is in another, and a prefix in `PREFIXES` that all
    keys have is removed.

    Raises
    ------
    WeightsError
        The file is missing, unreadable, holds something else than tensors, or could only be read by running code that
        is pickled in it.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} is a folder, not a weights file." if path.is_dir() else f"No weights file {path}.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    while inner := _inside(content):
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds {type(content).__name__}, not a state dict (names to tensors).")
    others = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if others or not content:
        held = f"{_bounded(others)}, which are no tensors" if others else "nothing"
        raise WeightsError(
            f"{path} is no state dict: it holds {held}. One is looked for under {', '.join(WRAPPERS)}, too."
        )
    return _without_prefixes({str(key): value for key, value in content.items()})


def load_into(model: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load ``state`` into ``model``, every key and shape matching.

    Batch-norm's ``num_batches_tracked`` may be absent: it plays no part in the outputs, and files written for
    exchange often leave it out.

    Raises
    ------
    WeightsError
        Lists (a bounded number of) missing, unexpected and wrong-shaped keys; the model is then unchanged.
    """
    _require_fit(model, state, source)
    model.load_state_dict(state, strict=False)


def require_usable(model: nn.Module, path: str | Path) -> None:
    """Make sure that a file's weights could be loaded into ``model``, which may be on the meta device.

    Raises
    ------
    WeightsError
        The file cannot be read, or does not fit.
    """
    _require_fit(model, read_state(path), str(path))


def _require_fit(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    own = model.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    wrong = [
        f"{key} (file {tuple(state[key].shape)}, model {tuple(own[key].shape)})"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    kinds = {"missing in the file": missing, "unexpected in the file": unexpected, "of another shape": wrong}
    problems = [f"{len(keys)} {kind}: {_bounded(keys)}" for kind, keys in kinds.items() if keys]
    if problems:
        raise WeightsError(f"{source} does not fit the model ({len(own)} entries). " + "; ".join(problems) + ".")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read as a safetensors file: {error}") from error


def _read_torch(path: Path) -> Any:
    # Many training scripts save their command line beside the weights; a namespace is values only.
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore")  # about protocols of pickle; what cannot be read is an error below
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # bytes that are no checkpoint can raise anything
            if code := _pickled_code(path):
                raise WeightsError(
                    f"{path} holds pickled objects ({_bounded(code)}), and reading them would run code. Save the "
                    "weights alone: torch.save(model.state_dict(), ...), or as safetensors."
                ) from error
            raise WeightsError(
                f"{path} is no checkpoint: neither a .safetensors file nor what torch.save writes of a state dict."
            ) from error


def _pickled_code(path: Path) -> list[str]:
    """Return the classes and functions that a checkpoint asks for and that are not let in."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
    except Exception:  # no checkpoint at all
        return []


def _inside(content: Any) -> Mapping[Any, Any] | None:
    """Return the mapping that is wrapped in ``content``, if one is."""
    if isinstance(content, Mapping):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                return content[wrapper]
    return None


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES * 2:  # one may be within the other
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _bounded(keys: list[Any]) -> str:
    more = len(keys) - _LISTED
    return ", ".join(map(str, keys[:_LISTED])) + (f" and {more} more" if more > 0 else "")
