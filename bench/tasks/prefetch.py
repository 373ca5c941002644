"""Batches made ahead, in a background thread, while the model trains on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Drawn = TypeVar("Drawn")
Made = TypeVar("Made")

AHEAD = 2
"""Batches that are made beforehand, at most."""


def made_ahead(make: Callable[[Drawn], Made], drawn: Iterable[Drawn]) -> Iterator[Made]:
    """Yield ``make(one)`` for each of ``drawn``, in order; those to come are made in a thread meanwhile.

    Parameters
    ----------
    make
        Draws no random numbers of its own. What it raises is raised here, in its turn.
    drawn
        All that was drawn for a batch.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(1) as thread:
        try:
            for one in drawn:
                waiting.append(thread.submit(make, one))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # whoever stops early does not wait for batches that have not begun
            for future in waiting:
                future.cancel()
