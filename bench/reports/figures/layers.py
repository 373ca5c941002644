"""The figure of layers: the cost of each before and after, and which layers are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base.errors import BenchError
from ...records.record import Record
from .panels import add_legend, panel_grid, scale_log, wrapped
from .style import DEFAULT_WIDTH, styled

LayerCost = Literal["weights", "macs", "bits"]
LABELS: dict[LayerCost, str] = {"weights": "weights", "macs": "MACs", "bits": "bits"}
BEFORE, AFTER, LEFT_ALONE = "#C9C9C9", "#0072B2", "#E69F00"
#: More layers than these are numbered and not named.
MOST_NAMES = 60


def draw_layers(
    records: Sequence[Record], cost: LayerCost = "weights", *, linear: bool = False, width: float = DEFAULT_WIDTH
) -> Figure:
    """Draw the cost of each convolution before and after, a panel for each record.

    Parameters
    ----------
    records : sequence of Record
        Of compressed models.
    cost : {"weights", "macs", "bits"}
        What is drawn: elements or bits of the stored weights, or multiply-accumulates per image.
    linear : bool
        A linear scale; logarithmic otherwise, as the first layers of a network often are far smaller than the last.
    width : float
        In cm.

    Returns
    -------
    Figure
        Layers stand in the order in which they are run. What layers share, such as a basis, is told out among them by
        their cost before, so that the bars add up to the plan.

    Raises
    ------
    BenchError
        A record has no plan.
    """
    for record in records:
        if record.measured.plan is None:
            raise BenchError(f"{record.name} has no plan: it ended as {record.status} before there was one")
    with styled():
        figure, grid = panel_grid(len(records), width, height=0.4, across=1)
        for axes, record in zip(grid, records, strict=True):
            _draw(axes, record, cost)
            if not linear:
                scale_log(axes, "y")
        add_legend(figure, grid)
    return figure


def layer_costs(plan: dict[str, Any], cost: LayerCost) -> tuple[list[str], list[float], list[float], list[bool]]:
    """Return path, cost before and after of each layer of a plan as JSON, and whether it was left alone."""
    layers, groups = plan["layers"], plan["groups"]
    before, after = ([layer[when][cost] for layer in layers] for when in ("before", "after"))
    members = [layer["group"] for layer in layers]
    for number, group in enumerate(groups):
        together = sum(one for one, member in zip(before, members, strict=True) if member == number)
        for index, member in enumerate(members):
            if member == number and together:
                after[index] += group["shared"][cost] * before[index] / together
    return [layer["spec"]["path"] for layer in layers], before, after, [member is None for member in members]


def _draw(axes: Axes, record: Record, cost: LayerCost) -> None:
    assert record.measured.plan is not None
    paths, before, after, alone = layer_costs(record.measured.plan, cost)
    places = range(len(paths))
    axes.bar(places, before, width=0.85, color=BEFORE, label="dense")
    for left, colour, label in ((False, AFTER, "compressed"), (True, LEFT_ALONE, "left alone")):
        chosen = [place for place in places if alone[place] == left]
        if chosen:
            axes.bar(chosen, [after[place] for place in chosen], width=0.5, color=colour, label=label)
    share = 100 * sum(after) / sum(before)
    budget = f" at {record.trial.budget}" if record.trial.budget else ""
    kept = f"{record.method.label}{budget}: {share:.1f} % of the convolutions' {LABELS[cost]}"
    axes.set(
        title=f"{wrapped(record.table)}\n{wrapped(kept)}",
        ylabel=LABELS[cost],
        xlim=(-0.7, len(paths) - 0.3),
    )
    axes.grid(axis="x", visible=False)
    if len(paths) <= MOST_NAMES:
        axes.set_xticks(places, paths, rotation=90, fontsize="small")
    else:
        axes.set_xlabel("convolution")
