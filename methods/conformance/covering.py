"""Covering arrays: few combinations of settings in which every pair of values still meets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

Combination = tuple[object, ...]


def covering(combinations: Sequence[Combination], strength: int) -> list[Combination]:
    """Choose combinations so that all values which can meet do meet, ``strength`` at a time.

    Greedy: each choice covers the most that is not covered yet, of equal ones the first. That comes within a few of
    the smallest array and is the same on every run.

    Parameters
    ----------
    combinations
        All allowed ones, of one length; what a position holds can be hashed.
    strength
        1: every value of every position appears. 2: every pair of values of two positions appears that any allowed
        combination has.
    """
    covers = [frozenset(itertools.combinations(enumerate(combination), strength)) for combination in combinations]
    missing = frozenset[tuple[tuple[int, object], ...]]().union(*covers)
    chosen = []
    while missing:
        best = max(range(len(covers)), key=lambda index: len(covers[index] & missing))
        chosen.append(combinations[best])
        missing -= covers[best]
    return chosen
