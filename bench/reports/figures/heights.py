"""The heights of scores in a figure: an infinite one stands beyond all finite ones, where the axis says ∞."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.axes import Axes

#: How far beyond the finite scores an infinite one stands, relative to their range.
BEYOND = 0.15


@dataclass(frozen=True)
class Heights:
    """Where scores are drawn.

    Attributes
    ----------
    low, high
        Where those stand that are infinitely small, and infinitely large.
    infinite
        Which of the two there are.
    """

    low: float
    high: float
    infinite: frozenset[float]

    @classmethod
    def of(cls, scores: Iterable[float], limits: tuple[float, float] | None = None) -> Heights:
        """Return the heights for a panel's scores; with ``limits`` of its axis the infinite ones stand at its ends."""
        scores = list(scores)
        finite = [score for score in scores if math.isfinite(score)] or [0.0]
        low, high = min(finite), max(finite)
        beyond = BEYOND * (high - low) or BEYOND * abs(high) or 1.0
        ends = limits or (low - beyond, high + beyond)
        return cls(*ends, frozenset(score for score in scores if math.isinf(score)))

    def __call__(self, score: float) -> float:
        """Return where a score is drawn."""
        if math.isfinite(score):
            return score
        return self.high if score > 0 else self.low

    def mark(self, axes: Axes) -> None:
        """Write ∞ at the right, away from the axis's numbers, where infinite scores stand."""
        for score in self.infinite:
            text = "∞" if score > 0 else "-∞"
            axes.text(1.01, self(score), text, transform=axes.get_yaxis_transform(), ha="left", va="center")
