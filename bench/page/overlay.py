"""The papers' points for the page's plots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..published import PublishedPoint, published_points

#: Conventions of counting that are the page's own, for which nothing need be said.
SAME_COUNT = ("conv_weights", "macs", "")


def overlay(model: str, task: str, data: str, metric: str) -> list[dict[str, Any]]:
    """Return what the papers publish of a model on its data, by the names of the page's columns.

    Parameters
    ----------
    model, task, data, metric
        As in a board.

    Returns
    -------
    list of dict
        ``costs``: percent of the dense network's, by the name of a column; ``quality`` in the metric's unit;
        ``methods``: what its row may be called with us, best first; ``label``, ``source`` and ``note``: texts.
    """
    points = published_points(model, task, data, metric=metric)
    return [_point(point) for point in points if point.quality is not None and not point.is_dense]


def _point(point: PublishedPoint) -> dict[str, Any]:
    costs = {"conv_weights_percent": point.params_percent, "macs_percent": point.macs_percent}
    return {
        "methods": [name for name in (point.variant, point.ours) if name],
        "label": " ".join(filter(None, (point.method, point.setting))),
        "source": f"{point.paper}, table {point.table}: {point.model} on {point.dataset}",
        "note": "; ".join(filter(None, (point.other_data, *_conventions(point), point.note))),
        "costs": {name: value for name, value in costs.items() if value is not None},
        "quality": point.quality,
    }


def _conventions(point: PublishedPoint) -> Iterable[str]:
    """Yield how the paper counts, where it is not as the column does."""
    for count, axis in ((point.params_count, "size"), (point.macs_count, "work")):
        if count not in SAME_COUNT:
            yield f"the paper's {axis} counts {count}"
