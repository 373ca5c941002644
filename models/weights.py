"""Reading weights: files of anyone's, and those packaged with decompbench. No pickled code is ever run."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from .errors import WeightsError, nearest

PRETRAINED = Path(__file__).parent / "pretrained"
METADATA_KEY = "decompbench"
_LISTED = 5
"""Keys of a kind that an error about a misfit names before it only counts them."""


@dataclass(frozen=True)
class PackagedWeights:
    """Trained weights that ship with decompbench.

    Attributes
    ----------
    model, data : str
        Model name and the name of the data it was trained on.
    path : Path
        The safetensors file, ``<model>--<data>.safetensors``.
    metadata : dict
        As written by ``decompbench baseline``: ``kwargs``, ``recipe``, ``seed``, ``metrics``,
        ``data_revision``, ...
    """

    model: str
    data: str
    path: Path
    metadata: dict[str, Any]


def packaged_weights(model: str | None = None) -> list[PackagedWeights]:
    """The packaged weights, all or those of one model, by name."""
    found = []
    for path in sorted(PRETRAINED.glob("*--*.safetensors")):
        name, data = path.stem.split("--", 1)
        if model is None or name == model:
            found.append(PackagedWeights(name, data, path, read_weights_metadata(path)))
    return found


def find_packaged(model: str, data: str | None = None) -> PackagedWeights:
    """The packaged weights of ``model`` trained on ``data``; ``data`` may be left out where there is only
    one.

    Raises
    ------
    WeightsError
        There are none, or several and ``data`` does not say which; the message lists what is packaged.
    """
    of_model = packaged_weights(model)
    matching = [weights for weights in of_model if data in (None, weights.data)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        choices = ", ".join(repr(weights.data) for weights in matching)
        raise WeightsError(f"{model} has packaged weights for several data: pass pretrained= one of {choices}.")
    everything = packaged_weights()
    listed = "; ".join(f"{weights.model} on {weights.data}" for weights in everything) or "nothing"
    asked = f"{model} on {data}" if data is not None else model
    hint = nearest(model, (weights.model for weights in everything)) if not of_model else ""
    raise WeightsError(f"No weights of {asked} are packaged. Packaged: {listed}.{hint}")


def read_weights_metadata(path: str | Path) -> dict[str, Any]:
    """What ``decompbench baseline`` wrote into a safetensors file; empty where there is nothing of ours."""
    with safetensors.safe_open(str(path), "pt") as file:
        return json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors (by suffix) or from ``torch.save`` (``weights_only=True``).

    A checkpoint's ``state_dict`` or ``model`` entry is taken out, and the prefix ``module.`` of
    ``DataParallel`` is removed.

    Raises
    ------
    WeightsError
        The file is missing, unreadable, or holds something else than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"No weights file at {path}.")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is neither a safetensors file nor a state dict that torch.load reads with "
            f"weights_only=True: {reason}"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds {type(content).__name__}, not a state dict (names to tensors).")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def load_into(model: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load ``state`` into ``model``, every key and shape matching.

    Batch-norm's ``num_batches_tracked`` may be absent: it plays no part in the outputs, and files written for
    exchange often leave it out.

    Raises
    ------
    WeightsError
        Lists (a bounded number of) missing, unexpected and wrong-shaped keys; the model is then unchanged.
    """
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
    model.load_state_dict(state, strict=False)


def _bounded(keys: list[str]) -> str:
    more = len(keys) - _LISTED
    return ", ".join(keys[:_LISTED]) + (f" and {more} more" if more > 0 else "")
