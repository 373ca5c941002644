"""The outcomes of a sweep: for each model, and for each method on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SweepStatus = Literal["ok", "failed"]


@dataclass(frozen=True)
class MethodOutcome:
    """One method on one model.

    Attributes
    ----------
    method
        Its name.
    status
        ``ok`` if all that was checked holds; it may still have left every layer alone.
    compressed
        How many convolutions it replaced.
    reasons
        Why it left the others alone: reason → number of convolutions.
    weights, dense_weights
        Conv weights as stored, after and before.
    macs, dense_macs
        Multiply-accumulates per image of all matrix products, after and before.
    seconds
        Wall-clock time of everything.
    message
        What failed.
    """

    method: str
    status: SweepStatus
    compressed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    weights: int = 0
    dense_weights: int = 0
    macs: int = 0
    dense_macs: int = 0
    seconds: float = 0.0
    message: str = ""

    @property
    def skipped(self) -> int:
        """How many convolutions it left alone."""
        return sum(self.reasons.values())


@dataclass
class ModelOutcome:
    """All methods on one model.

    Attributes
    ----------
    family, model
        Which one.
    convs
        Its convolutions, those of other classes than ``Conv2d`` included.
    size
        Height and width of the input.
    weights, macs
        Conv weights, and MACs per image at that size, of the dense model.
    message
        Why the model itself could not be looked at; empty if it could.
    methods
        In the order asked for.
    """

    family: str
    model: str
    convs: int = 0
    size: int = 0
    weights: int = 0
    macs: int = 0
    message: str = ""
    methods: list[MethodOutcome] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.message and all(outcome.status == "ok" for outcome in self.methods)

    def failures(self) -> list[tuple[str, str]]:
        """Return what failed as pairs of method and message; the method is empty where the model did."""
        own = [("", self.message)] if self.message else []
        return own + [(one.method, one.message) for one in self.methods if one.status == "failed"]

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""
        return asdict(self) | {"ok": self.ok}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ModelOutcome:
        """Rebuild an outcome from `to_json`."""
        fields: dict[str, Any] = {name: value for name, value in data.items() if name != "ok"}
        fields["methods"] = [MethodOutcome(**one) for one in data["methods"]]
        return cls(**fields)
