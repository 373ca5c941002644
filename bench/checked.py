"""What is known of a trial before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .record import MethodInfo, Size


@dataclass(frozen=True)
class Checked:
    """What is known of a trial beforehand.

    Attributes
    ----------
    fingerprint
        All that can change its outcome.
    method
        The method with its full settings.
    baseline
        Key of the dense model to start from, where that is to be trained first.
    size
        From the plan; None if there is none.
    problem
        Why there is no plan, where that is the method's own fault: the trial will fail and say so.
    """

    fingerprint: dict[str, Any]
    method: MethodInfo
    baseline: str | None = None
    size: Size | None = None
    problem: str | None = None
