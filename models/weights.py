"""Trained weights that are packaged with decompbench."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors

from ..common.names import suggestion
from .errors import WeightsError

PRETRAINED = Path(__file__).parent / "pretrained"
METADATA_KEY = "decompbench"


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
        raise WeightsError(f"{model} has packaged weights for several data: say of which by pretrained: {choices}.")
    everything = packaged_weights()
    listed = "; ".join(f"{weights.model} on {weights.data}" for weights in everything) or "nothing"
    asked = f"{model} on {data}" if data is not None else model
    hint = suggestion(model, dict.fromkeys(weights.model for weights in everything)) if not of_model else ""
    raise WeightsError(f"No weights of {asked} are packaged{hint}. Packaged: {listed}.")


def read_weights_metadata(path: str | Path) -> dict[str, Any]:
    """What ``decompbench baseline`` wrote into a safetensors file; empty where there is nothing of ours."""
    with safetensors.safe_open(str(path), "pt") as file:
        return json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
