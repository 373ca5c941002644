"""The figure of singular values: those of layers' unfoldings before training and after it (yu2021, figure 1)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base.errors import BenchError
from ...records.record import Record, Spectrum
from .panels import add_legend, panel_grid, wrapped
from .style import DEFAULT_WIDTH, styled

BEFORE, AFTER = "#8C8C8C", "#0072B2"
SIDES = {"out": ("-", "output channels"), "in": ("--", "input channels")}
#: Layers that are shown of one record, and of each of several.
SHOWN_ALONE, SHOWN_OF_MANY = 4, 2
#: Values below this part of the largest are drawn there: they are zero but for rounding.
FLOOR = 1e-6


def draw_spectra(records: Sequence[Record], *, linear: bool = False, width: float = DEFAULT_WIDTH) -> Figure:
    """Draw the singular values of a few layers' unfoldings before training and after it, a panel for each layer.

    Parameters
    ----------
    records : sequence of Record
        Of methods that lower ranks by training.
    linear : bool
        A linear scale; logarithmic otherwise.
    width : float
        In cm.

    Returns
    -------
    Figure
        The layers are evenly spread over the network, first and last among them. A dotted line is the rank that the
        unfolding was to get. What is drawn as after training is the dense weight, not yet decomposed.

    Raises
    ------
    BenchError
        A record has no singular values.
    """
    with styled():
        shown = SHOWN_ALONE if len(records) == 1 else SHOWN_OF_MANY
        panels = [(record, layer) for record in records for layer in _spread(_layers(record), shown)]
        figure, grid = panel_grid(len(panels), width)
        for axes, (record, layer) in zip(grid, panels, strict=True):
            _draw(axes, record, layer, linear)
        add_legend(figure, grid)
    return figure


def _layers(record: Record) -> list[list[Spectrum]]:
    """Return a record's spectra by layer."""
    training = record.measured.training
    found: dict[str, list[Spectrum]] = {}
    for spectrum in training.spectra if training else ():
        found.setdefault(spectrum.layer, []).append(spectrum)
    if not found:
        raise BenchError(
            f"{record.name} has no singular values: its method lowers no rank by training, or the record is of before "
            "they were kept"
        )
    return list(found.values())


def _spread(layers: Sequence[list[Spectrum]], count: int) -> list[list[Spectrum]]:
    """Return some of the layers, evenly spread, the first and the last among them."""
    count = min(count, len(layers))
    return [layers[round(number * (len(layers) - 1) / max(1, count - 1))] for number in range(count)]


def _draw(axes: Axes, record: Record, layer: Sequence[Spectrum], linear: bool) -> None:
    for spectrum in layer:
        style, side = SIDES[spectrum.unfolding]
        for values, colour, when in ((spectrum.before, BEFORE, "before"), (spectrum.after, AFTER, "after")):
            floor = FLOOR * max(values)
            drawn = values if linear else [max(value, floor) for value in values]
            axes.plot(spectrum.places, drawn, style, color=colour, label=f"{when}, {side}")
        if spectrum.rank is not None:
            axes.axvline(spectrum.rank, color="black", linestyle=":", linewidth=0.8, label="rank wanted")
    budget = f" at {record.trial.budget}" if record.trial.budget else ""
    title = f"{wrapped(f'{record.method.label}{budget}')}\n{wrapped(layer[0].layer)}"
    axes.set(title=title, xlabel="place", ylabel="singular value", yscale="linear" if linear else "log")
