"""The figure of quality against cost: each method's points from budget to budget, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base.errors import BenchError
from ..published.points import PublishedPoint
from ..ranking import pareto_front
from .axes import CostAxis
from .heights import Heights
from .panels import Panel, add_legend, panel_grid, scale_log, titles_of, wrapped
from .style import DEFAULT_WIDTH, DENSE_COLOUR, Look, looks, styled

#: Of the papers' points.
PUBLISHED_COLOUR = "#7F7F7F"
FRONT_COLOUR = "#BBBBBB"


def draw_pareto(
    panels: Sequence[Panel],
    axis: CostAxis,
    *,
    published: Sequence[Sequence[PublishedPoint]] = (),
    linear: bool = False,
    quality_range: tuple[float, float] | None = None,
    width: float = DEFAULT_WIDTH,
) -> Figure:
    """Draw quality against cost, a panel for each table.

    Parameters
    ----------
    panels : sequence of Panel
        Tables of the leaderboard.
    axis : CostAxis
        What is drawn to the right, on a logarithmic scale.
    published : sequence of sequence of PublishedPoint
        For each panel the papers' points, drawn hollow; those whose cost is not published as it is counted here, or
        whose quality is not, are left out.
    linear : bool
        A linear scale instead.
    quality_range : tuple of float, optional
        Ends of the axis of quality, for all panels.
    width : float
        In cm.

    Returns
    -------
    Figure
        Error bars are the standard deviation over seeds, and the interval of a measured cost. The dashed line is the
        dense model's quality; an infinite quality stands above all others, at the mark ∞. The grey line is the Pareto
        front: no measured model has less cost and more quality.

    Raises
    ------
    BenchError
        No row has both the cost and a quality, or a range of quality is empty or of several metrics.
    """
    _check_range(quality_range, panels)
    look = looks(method for panel in panels for method in panel.frame["method"][panel.frame["kind"] != "none"])
    titles = titles_of([panel.place for panel in panels], machines=axis.low is not None)
    with styled():
        figure, grid = panel_grid(len(panels), width)
        drawn = 0
        for number, (panel, axes) in enumerate(zip(panels, grid, strict=True)):
            heights = Heights.of(_ends_of_bars(panel.with_cost(axis.column)), quality_range)
            drawn += _draw_panel(axes, panel, titles[number], axis, look, heights)
            _draw_published(axes, panel, axis, published[number] if published else ())
            if not linear:
                scale_log(axes, "x")
            if quality_range is not None:
                axes.set_ylim(quality_range)
            heights.mark(axes)
        if not drawn:
            raise BenchError(f"nothing to draw: no row has both a quality and its {axis.label}")
        add_legend(figure, grid)
    return figure


def _check_range(given: tuple[float, float] | None, panels: Sequence[Panel]) -> None:
    if given is None:
        return
    if not given[0] < given[1]:
        raise BenchError(f"the range of quality from {given[0]:g} to {given[1]:g} is empty")
    metrics = list(dict.fromkeys(panel.metric for panel in panels))
    if len(metrics) > 1:
        raise BenchError(
            f"one range of quality for {' and '.join(metrics)}: choose tables of one metric, as by --filter"
        )


def _draw_panel(axes: Axes, panel: Panel, title: str, axis: CostAxis, look: dict[str, Look], heights: Heights) -> int:
    """Draw a table's rows and return how many of them have both a cost and a quality."""
    known = panel.with_cost(axis.column)
    dense, rows = known.query("kind == 'none'"), known.query("kind != 'none'")
    for quality in dense["final"].astype(float).map(heights):
        axes.axhline(quality, color=DENSE_COLOUR, linestyle="--", linewidth=0.8, label="dense")
        axes.plot(axis.dense, quality, marker="*", markersize=8, color=DENSE_COLOUR, linestyle="none")
    for method, points in rows.groupby("method", sort=True):
        one = look[str(method)]
        points = points.sort_values(by=axis.column)
        axes.errorbar(
            points[axis.column].astype(float),
            points["final"].astype(float).map(heights),
            xerr=_interval(points, axis),
            yerr=points["final_sd"].astype(float).fillna(0.0).tolist(),
            color=one.colour,
            marker=one.marker,
            label=str(method),
            elinewidth=0.6,
            alpha=0.9,
        )
    higher = panel.higher_is_better
    costs, qualities = known[axis.column].astype(float).tolist(), known["final"].astype(float).tolist()
    front = sorted(
        (costs[index], heights(qualities[index]))
        for index in pareto_front(costs, [q if higher else -q for q in qualities])
    )
    if len(front) > 1:
        axes.step(
            *zip(*front, strict=True), where="post", color=FRONT_COLOUR, linewidth=2.5, zorder=0, label="Pareto front"
        )
    axes.set(title=wrapped(title), xlabel=axis.label, ylabel=panel.quality_label)
    return len(rows)


def _ends_of_bars(rows: pd.DataFrame) -> list[float]:
    """Return what the bars around the qualities reach from and to."""
    final, spread = rows["final"].astype(float), rows["final_sd"].astype(float).fillna(0.0)
    return [*(final - spread), *(final + spread)]


def _draw_published(axes: Axes, panel: Panel, axis: CostAxis, points: Sequence[PublishedPoint]) -> None:
    """Draw the papers' compressed networks of which this cost, counted as here, and this quality are published."""
    for point in points:
        cost = point.shares.get(axis.column)
        if cost is None or point.quality is None or point.metric != panel.metric or point.is_dense:
            continue
        label = f"{point.method}, {point.paper} (published{', on other data' if point.other_data else ''})"
        (mark,) = axes.plot(cost, point.quality, color=PUBLISHED_COLOUR, label=label, marker="o", linestyle="none")
        mark.set_markerfacecolor("none")


def _interval(points: pd.DataFrame, axis: CostAxis) -> list[list[float]] | None:
    """Return how far a measured cost's interval reaches to both sides."""
    if axis.low is None or axis.high is None:
        return None
    value, low, high = (points[name].astype(float) for name in (axis.column, axis.low, axis.high))
    return [(value - low).clip(lower=0).tolist(), (high - value).clip(lower=0).tolist()]
