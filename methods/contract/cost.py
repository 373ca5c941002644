"""Costs: what a layer costs, why a layer is skipped, a budget for the whole model, and the knob that meets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import SettingError

COUNTS = {"params": "weights", "macs": "macs", "bits": "bits"}
"""The counts a budget can be set on, and the field of `Cost` that holds each."""


@dataclass(frozen=True)
class Cost:
    """Size and work of one layer, or of several.

    Attributes
    ----------
    weights
        Stored elements that stand for the convolution's weight, without biases.
    macs
        Multiply-accumulates per image.
    bits
        Stored bits of those elements at their true width, and of what is needed to read them (the range of quantised
        values). A plan does not know a model's precision and takes floating-point weights for float32, which they are
        in training; `count_stored` reads the true width from the model.
    quantised
        Those of the elements that are values stored at 8 bits or fewer.
    """

    weights: int
    macs: int
    bits: int
    quantised: int = 0

    def __add__(self, other: Cost) -> Cost:
        # spelled out: a budget search adds hundreds of thousands of costs
        return Cost(
            self.weights + other.weights,
            self.macs + other.macs,
            self.bits + other.bits,
            self.quantised + other.quantised,
        )

    @classmethod
    def of(cls, weights: int, macs: int) -> Cost:
        """Return the cost of ``weights`` 32-bit elements."""
        return cls(weights, macs, 32 * weights)

    @classmethod
    def total(cls, costs: Iterable[Cost]) -> Cost:
        """Return the sum of ``costs``."""
        return sum(costs, cls(0, 0, 0))

    def count(self, name: str) -> int:
        """Return one count by its name in a budget: ``params``, ``macs`` or ``bits``."""
        return getattr(self, COUNTS[name])

    def to_json(self) -> dict[str, int]:
        """Return the counts as a plain mapping."""
        return asdict(self)


@dataclass(frozen=True)
class Skip:
    """A method's answer for a layer that it leaves as it is: the reason, in words a person can read."""

    reason: str


@dataclass(frozen=True)
class Target:
    """A budget: the fraction of the dense model's convolutions that the compressed model may have.

    All convolutions are counted, touched or not: ``Target(params=0.25)`` leaves a quarter of the dense model's conv
    weights. Exactly one of the three is given.

    Raises
    ------
    SettingError
        If not exactly one count is given, or the fraction is not in (0, 1].
    """

    params: float | None = None
    macs: float | None = None
    bits: float | None = None

    def __post_init__(self) -> None:
        given = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        if len(given) != 1:
            raise SettingError(f"a target sets exactly one of params, macs, bits; got {', '.join(given) or 'none'}")
        if not 0 < self.fraction <= 1:
            raise SettingError(
                f"a target is a fraction in (0, 1], such as 0.3 for 30 %; got {given[0]}={self.fraction}"
            )

    @property
    def count(self) -> str:
        """Name of the count the budget is set on."""
        return next(name for name in COUNTS if getattr(self, name) is not None)

    @property
    def fraction(self) -> float:
        """The budget as a fraction of the dense model's count."""
        return getattr(self, self.count)

    def to_json(self) -> dict[str, float]:
        """Return ``{count: fraction}``."""
        return {self.count: self.fraction}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Target:
        """Rebuild a target from `to_json`."""
        return cls(**data)

    def __str__(self) -> str:
        return f"{self.count}={100 * self.fraction:g}%"


@dataclass(frozen=True)
class Knob:
    """The one setting of a method that a budget search moves.

    The cost of a layer must not decrease as the knob goes from ``low`` to ``high``. Above the convolution's own cost
    this does not matter: a plan leaves a layer alone that would not get smaller.

    Attributes
    ----------
    field
        Name of the method's field.
    low, high
        Values of least and of most cost. ``low`` may be the larger number.
    integer
        Whether only integers between them are allowed.
    choices
        All allowed values from least to most cost, where they are few; ``low`` and ``high`` are then its ends.
    dips
        Names of counts that may fall a little from one value to the next, because of rounding. A budget on such a
        count is still met from below, but the value found need not be the largest that fits.
    """

    field: str
    low: float
    high: float
    integer: bool = False
    choices: tuple[Any, ...] = ()
    dips: tuple[str, ...] = ()

    @classmethod
    def of(cls, field: str, choices: Sequence[Any]) -> Knob:
        """Return a knob with a few ``choices``, from least to most cost."""
        return cls(field, choices[0], choices[-1], choices=tuple(choices))
