"""Trained baselines read from the cache."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from ...models import read_weights_metadata
from ...models.checkpoint import load_into, read_state
from ...models.errors import WeightsError
from ..base.cache import baseline_file
from ..measure import state_sha256


def load_baseline(model: nn.Module, key: str) -> dict[str, Any]:
    """Give a model the weights of a baseline in the cache and return what was written with them.

    Raises
    ------
    WeightsError
        There is none, it cannot be read, or it does not hold the weights that were written; the model is unchanged.
    """
    path = baseline_file(key)
    state, twin = read_state(path), copy.deepcopy(model)
    load_into(twin, state, source=str(path))
    try:
        made = read_weights_metadata(path)
    except ValueError:
        made = {}
    if state_sha256(twin) != made.get("state_sha256"):
        raise WeightsError(f"{path} does not hold the weights that were written: their SHA-256 differs.")
    load_into(model, state, source=str(path))
    return made


def load_if_trained(model: nn.Module, key: str, note: Callable[[str], Any]) -> None:
    """Give a model the weights of a baseline if they are in the cache.

    A file that cannot be read is put aside, and ``note`` is told: the baseline is missing then, and trained anew.
    """
    path = baseline_file(key)
    if not path.exists():
        return
    try:
        load_baseline(model, key)
    except WeightsError as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        note(f"{error} It is put aside as {aside.name}, and the baseline is trained anew.")
