"""The forecast of a trial: what is known of it before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..records.record import MethodInfo, Provenance, Size


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is known of a trial from its settings alone.

    Attributes
    ----------
    method
        The method with its full settings.
    size
        From the plan; None if there is none.
    problem
        Why there is none: the method replaces nothing, or fails, as the trial will; or weights are yet to be trained.
    made
        Whether the trial makes the model that was asked for: ``"nearest"`` where the budget is out of reach and the
        nearest size is taken, ``"not"`` where it ends without a model, ``"unknown"`` while weights are to be trained.
    """

    method: MethodInfo
    size: Size | None = None
    problem: str | None = None
    made: Literal["as asked", "nearest", "not", "unknown"] = "as asked"


@dataclass(frozen=True, kw_only=True)
class Checked(Planned):
    """What is known of a trial whose data and weights are there.

    Attributes
    ----------
    identity
        What was asked for; the trial's key is made of it.
    provenance
        With what the trial is made here.
    baseline
        Key of the dense model to start from, where that is to be trained first.
    """

    identity: dict[str, Any]
    provenance: Provenance
    baseline: str | None = None
