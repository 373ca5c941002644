"""The figures by name: records and options in, a figure out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ....common.names import suggestion
from ...base.errors import BenchError
from ...base.text import counted
from ...records.record import Record
from ...suite.form_name import EAGER
from ..leaderboard.leaders import TABLE_KEYS
from ..leaderboard.row_filter import filter_rows, parse_filter
from ..leaderboard.rows import leaderboard
from ..published.points import published_points
from ..ranking import AverageRanks, average_ranks, parse_budget, rank_cells
from .axes import LATENCY, cost_axis
from .curves import draw_curves
from .layers import LayerCost, draw_layers
from .panels import tables_of
from .pareto import draw_pareto
from .penalty import draw_penalty
from .pictures.draw import Crop, draw_images
from .pictures.scene import make_scene, write_pictures
from .ranks import draw_ranks
from .spectra import draw_spectra
from .style import DEFAULT_WIDTH

#: The columns that identify a row of the leaderboard.
ROW_KEYS = [*TABLE_KEYS, "method", "budget"]
#: Panels of layers in one figure, at most.
MOST_ROWS = 8
#: Our names of a layer's costs, by those of budgets.
LAYER_COSTS: dict[str, LayerCost] = {"params": "weights", "macs": "macs", "bits": "bits"}


class FigureKind(StrEnum):
    """The kinds of figures."""

    PARETO = "pareto"
    LAYERS = "layers"
    CURVES = "curves"
    SPECTRA = "spectra"
    PENALTY = "penalty"
    RANKS = "ranks"
    IMAGES = "images"


@dataclass(frozen=True)
class Options:
    """The options of all figures; each kind of figure uses some of them.

    Attributes
    ----------
    filters : sequence of str
        Conditions on rows, as of ``decompbench leaderboard --filter``.
    cost : str
        Of the axis of costs, or of layers.
    batch : int, optional
        Batch size of a latency; the smallest that was timed where None.
    form : str
        How models were run for a latency.
    budget : str
        At which methods are ranked.
    metric : str, optional
        What methods are ranked by; the main one where None.
    published : bool
        Draw the papers' points, too.
    linear : bool
        Linear scales.
    quality_range : tuple of float, optional
        Ends of the axis of quality.
    width : float
        In cm.
    suite : str, optional
        Name or file of the suite that the records are of; images need it to find their data.
    models : Path, optional
        Folder of the models that a run kept, which make the images.
    image : str, optional
        Name of a test image; the first where None.
    crop : tuple of int, optional
        Left, top and side of the square that is shown of it; the middle where None.
    pictures : Path, optional
        Folder to write the whole images to.
    """

    filters: Sequence[str] = ()
    cost: str = "params"
    batch: int | None = None
    form: str = EAGER
    budget: str = "params=30%"
    metric: str | None = None
    published: bool = False
    linear: bool = False
    quality_range: tuple[float, float] | None = None
    width: float = DEFAULT_WIDTH
    suite: str | None = None
    models: Path | None = None
    image: str | None = None
    crop: Crop | None = None
    pictures: Path | None = None


def make_figure(
    kind: FigureKind, records: Sequence[Record], options: Options, *, on_note: Callable[[str], None] = lambda note: None
) -> Figure:
    """Draw a figure of records.

    Parameters
    ----------
    kind : FigureKind
        What is shown.
    records : sequence of Record
        Each trial at most once.
    options : Options
        Those of the kind are used.
    on_note : callable
        Told which tables are left out.

    Raises
    ------
    BenchError
        The records have nothing to draw, or an option names what is not there.
    """
    if options.cost != LATENCY and (options.batch is not None or options.form != EAGER):
        raise BenchError(f"a batch size or form is of --cost {LATENCY}, which was not asked for")
    frame = filter_rows(leaderboard(records), [parse_filter(text) for text in options.filters])
    if kind is FigureKind.PARETO:
        return _pareto(frame, options, on_note)
    chosen = _records_of(frame, records)
    if kind is FigureKind.IMAGES:
        return _images(chosen, options, on_note)
    if kind is FigureKind.CURVES:
        for table in dict.fromkeys(record.table for record in chosen):
            if all(_epochs(record) < 2 for record in chosen if record.table == table):
                on_note(f"{table}: trained for one epoch at most, which is a point and no curve")
        return draw_curves(chosen, linear=options.linear, width=options.width)
    if kind is FigureKind.RANKS:
        return _ranks(chosen, options)
    if kind is FigureKind.LAYERS:
        return _layers(chosen, options)
    draw, field = (draw_spectra, "spectra") if kind is FigureKind.SPECTRA else (draw_penalty, "monitor")
    told = [record for record in chosen if getattr(record.measured.training, field, None)]
    if not told:
        raise BenchError(
            f"nothing to draw: no row has training.{field}, which methods have that lower ranks by training (learn of "
            "tucker2), in records of schema version 3.1 or later"
        )
    return draw(_rows(told), linear=options.linear, width=options.width)


def _pareto(frame: pd.DataFrame, options: Options, on_note: Callable[[str], None]) -> Figure:
    axis = cost_axis(options.cost, frame, batch=options.batch, form=options.form)
    tables = list(tables_of(frame))
    panels = [table for table in tables if len(table.with_cost(axis.column).query("kind != 'none'"))]
    for table in tables:
        if table not in panels:
            on_note(
                f"left out: {table.place[3]} of {table.place[0]}, where no row has both a quality and its {axis.label}"
            )
    if not panels:
        raise BenchError(f"nothing to draw: no row has both a quality and its {axis.label}")
    places = [panel.frame[["model", "task", "data"]].iloc[0] for panel in panels]
    return draw_pareto(
        panels,
        axis,
        published=[published_points(*place) for place in places] if options.published else (),
        linear=options.linear,
        quality_range=options.quality_range,
        width=options.width,
    )


def _images(records: Sequence[Record], options: Options, on_note: Callable[[str], None]) -> Figure:
    if options.suite is None or options.models is None:
        raise BenchError(
            "images are made by the models that a run kept: figure images SUITE --models FOLDER, "
            "after run SUITE --keep-models FOLDER"
        )
    scene = make_scene(records, options.suite, options.models, options.image, on_note=on_note)
    figure = draw_images(scene, crop=options.crop, width=options.width)
    if options.pictures is not None:
        for file in write_pictures(scene, options.pictures):
            on_note(f"wrote {file}")
    return figure


def _layers(records: Sequence[Record], options: Options) -> Figure:
    """Draw the plan of each compressed model once; seeds have it in common."""
    if options.cost not in LAYER_COSTS:
        near = suggestion(options.cost, LAYER_COSTS)
        raise BenchError(f"layers have no cost '{options.cost}'{near}; theirs are {', '.join(LAYER_COSTS)}")
    return draw_layers(_rows(records), LAYER_COSTS[options.cost], linear=options.linear, width=options.width)


def _rows(records: Sequence[Record]) -> list[Record]:
    """Return a record of each row of compressed models, the first of its seeds."""
    rows = {_place(record): record for record in reversed(records) if not record.trial.is_dense}
    if not rows:
        raise BenchError("nothing to draw: the dense model has no plan, and no other row is left")
    if len(rows) > MOST_ROWS:
        raise BenchError(
            f"{len(rows)} rows, of which {MOST_ROWS} fit in a figure: choose some, "
            "as with --filter method=tucker2 --filter budget=params=30%"
        )
    return list(reversed(rows.values()))


def _ranks(records: Sequence[Record], options: Options) -> Figure:
    average = average_ranks(rank_cells(records, parse_budget(options.budget), metric=options.metric))
    if len(average.ranks) < 2:
        raise BenchError(f"nothing to draw at {options.budget}: {'; '.join(average.notes) or 'no two methods to rank'}")
    return draw_ranks(
        average.ranks,
        critical_difference=average.critical_difference,
        groups=average.groups,
        note=_test_in_words(average, options.budget),
        width=options.width,
    )


def _test_in_words(average: AverageRanks, budget: str) -> str:
    """Return the line below the ranks: the number of cells, and the result of the test."""
    cells = f"{counted(average.cells, 'cell')} at {budget}"
    if average.friedman is None:
        return f"{cells}; no test: too few methods or cells"
    return f"{cells}; Friedman, Iman and Davenport: p = {average.friedman.f_p:.2g}; Nemenyi at {average.alpha:g}"


def _epochs(record: Record) -> int:
    """Return how many epochs a trial has lines of."""
    return len(record.measured.training.history) if record.measured.training else 0


def _records_of(frame: pd.DataFrame, records: Sequence[Record]) -> list[Record]:
    """Return the records that the rows of a frame are of."""
    wanted = set(frame[ROW_KEYS].itertuples(index=False, name=None))
    return [record for record in records if _place(record) in wanted]


def _place(record: Record) -> tuple[str, ...]:
    """Return the values of `ROW_KEYS` for a record's row."""
    trial = record.trial
    return (trial.suite, record.machine, trial.device, record.table, record.method.label, str(trial.budget or ""))
