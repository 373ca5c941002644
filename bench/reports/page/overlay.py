"""The papers' points for the page's plots."""

from __future__ import annotations

from typing import Any

from ..published import PublishedPoint, published_points


def overlay(model: str, task: str, data: str, metric: str) -> list[dict[str, Any]]:
    """Return the papers' points of a model on its data, by the names of the page's columns.

    Parameters
    ----------
    model, task, data, metric
        As in a board.

    Returns
    -------
    list of dict
        ``costs``: percent of the dense network's, by the name of the column that counts as the paper does;
        ``quality`` in the metric's unit; ``methods``: names that its row may have with us, best first; ``label``,
        ``source`` and ``note``: texts.
    """
    points = published_points(model, task, data, metric=metric)
    return [_point(point) for point in points if point.quality is not None and not point.is_dense]


def _point(point: PublishedPoint) -> dict[str, Any]:
    return {
        "methods": [name for name in (point.variant, point.ours) if name],
        "label": " ".join(filter(None, (point.method, point.setting))),
        "source": f"{point.paper}, table {point.table}: {point.model} on {point.dataset}",
        "note": "; ".join(filter(None, (point.other_data, point.note))),
        "costs": point.shares,
        "quality": point.quality,
    }
