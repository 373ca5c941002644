"""What is known of a trial before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .record import MethodInfo, Size


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
        Why there is no plan, where that is the method's own fault: the trial will fail and say so.
    """

    method: MethodInfo
    size: Size | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Checked(Planned):
    """What is known of a trial whose data and weights are there.

    Attributes
    ----------
    fingerprint
        All that can change its outcome.
    baseline
        Key of the dense model to start from, where that is to be trained first.
    """

    fingerprint: dict[str, Any]
    baseline: str | None = None
