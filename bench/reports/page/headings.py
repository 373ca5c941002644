"""The columns of the page's table: headings, units, digits and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..leaderboard.columns import RATIO_COLUMN
from ..leaderboard.rows import ALSO_FINAL
from ..statistics import CONFIDENCE

Row = dict[str, Any]


@dataclass(frozen=True)
class Heading:
    """One column of numbers.

    Attributes
    ----------
    key
        Column of the frame that the numbers come from.
    heading, unit
        The heading, and the unit below it.
    about
        A sentence that explains the heading.
    digits
        After the decimal point.
    scale
        What the frame's numbers are divided by.
    main
        Whether the column is among those shown at first.
    descending
        Whether a first click on it puts the largest number first; null where the table's metric decides.
    low, high, sd
        Columns with the ends of an interval, or with the standard deviation over seeds.
    axis
        ``x`` or ``y`` where the column can be an axis of the plot.
    """

    key: str
    heading: str
    about: str
    unit: str = ""
    digits: int = 1
    scale: float = 1
    main: bool = False
    descending: bool | None = False
    low: str | None = None
    high: str | None = None
    sd: str | None = None
    axis: str | None = None


def headings(rows: Sequence[Row]) -> list[Heading]:
    """Return the columns that at least one row has a number in, from left to right.

    Parameters
    ----------
    rows
        Of the frame of :func:`~decompbench.bench.reports.leaderboard.rows.leaderboard`, missing values None.
    """
    return [
        heading
        for heading in (*_qualities(rows), *_sizes(), *_times(rows), *_moments(), *_costs())
        if any(row.get(heading.key) is not None for row in rows)
    ]


def _sizes() -> Iterator[Heading]:
    share = "of the dense model's, in compact form"
    weights = "Elements of all conv weights in stored form, a shared tensor once"
    macs = "Multiply-accumulates per image of convolutions and matrix products in compact form"
    bits = "Stored bits of the conv weights at their true width, and of what it takes to read them"
    yield Heading("conv_weights_percent", "conv weights", f"{weights}; % {share}.", "%", main=True, axis="x")
    yield Heading("macs_percent", "MACs", f"{macs}; % {share}.", "%", main=True, axis="x")
    yield Heading("bits_percent", "bits", f"{bits}; % {share}.", "%", main=True, axis="x")
    both = "Weights of convolutions and of linear layers"
    effective = "Parameters and batch-norm statistics, one quantised to 8 bits or fewer counting 1/4"
    yield Heading("conv_fc_weights_percent", "conv + linear weights", f"{both}; % {share}.", "%", axis="x")
    yield Heading("effective_percent", "effective parameters", f"{effective}; % {share}.", "%", axis="x")
    yield Heading("disk_percent", "disk", "The saved safetensors file; % of the dense model's.", "%", axis="x")
    yield Heading("conv_weights", "conv weights", f"{weights}.", digits=0)
    yield Heading("parameters", "parameters", "All distinct parameters of the model.", digits=0)
    yield Heading("macs", "MACs", f"{macs}.", "M", digits=2, scale=1e6)
    yield Heading("disk", "disk", "The saved safetensors file.", "kB", scale=1e3)


def _times(rows: Sequence[Row]) -> Iterator[Heading]:
    """Yield the columns of each form and batch size."""
    matches = [match for name in dict.fromkeys(name for row in rows for name in row) if (match := _timed(name))]
    for match in sorted(matches, key=lambda match: (match["form"] or "", int(match["batch"]))):
        prefix = match.string.removesuffix("_ratio")
        title = " ".join(filter(None, (f"time b{match['batch']}", match["form"])))
        form = f", run as {match['form']}" if match["form"] else ""
        timed = f"a batch of {match['batch']}, deployed in the fastest form of each layer{form}"
        yield Heading(
            match.string,
            f"{title} / dense",
            f"Time of {timed}, relative to the dense model deployed alike and timed in turn; below 1 is faster. In "
            "brackets its interval; of several seeds, from the lowest to the highest end of their intervals.",
            digits=2,
            main=True,
            low=f"{prefix}_low",
            high=f"{prefix}_high",
            axis="x",
        )
        yield Heading(f"{prefix}_ms", title, f"Median time of {timed}, on the table's machine.", "ms", digits=2)
        yield Heading(f"{prefix}_percent", f"MACs run b{match['batch']}", f"What {timed}, computes.", "%")


def _timed(name: str) -> Any:
    return RATIO_COLUMN.fullmatch(name)


def _qualities(rows: Sequence[Row]) -> Iterator[Heading]:
    about = (
        "The table's metric of the finished model, the mean over the seeds that are ok; ± is their standard deviation. "
        f"Bold: the best of its budget; ↓: behind it beyond the spread of seeds (Welch's t with "
        f"Holm's correction, {100 * CONFIDENCE:g} %)."
    )
    yield Heading("final", "quality", about, digits=2, main=True, descending=None, sd="final_sd", axis="y")
    for name in dict.fromkeys(name for row in rows for name in row if name.startswith(ALSO_FINAL)):
        metric, _, unit = name.removeprefix(ALSO_FINAL).partition(" ")
        about = "A further metric of the finished model."
        yield Heading(name, metric, about, unit, digits=2, main=True, descending=True, axis="y")
    about = "How much worse the quality is than the dense row's; below 0 it is better."
    yield Heading("drop", "drop", about, digits=2, main=True, axis="y")


def _moments() -> Iterator[Heading]:
    """Yield the columns of quality at other moments than the end."""
    about = "Quality just before the layers were decomposed."
    yield Heading("before_decomposition", "before dec.", about, digits=2, descending=None)
    about = "Quality just after the layers were decomposed, before any further training."
    yield Heading("after_decomposition", "after dec.", about, digits=2, main=True, descending=None, axis="y")
    yield Heading("trained", "trained", "Quality at the end of training.", digits=2, descending=None)
    yield Heading("deployed", "deployed", "Quality of the deployed model.", digits=2, descending=None)


def _costs() -> Iterator[Heading]:
    yield Heading("train_seconds", "training", "Training time.", "s", main=True)
    yield Heading("epochs", "epochs", "Epochs trained.", digits=1)
    yield Heading("compress_seconds", "compression", "Time of decomposing, without training.", "s", digits=2)
    about = "Most memory that training took on its device."
    yield Heading("train_memory", "training memory", about, "MB", digits=0, scale=1e6)
    yield Heading("peak_rss", "peak memory", "Largest resident memory of the process.", "MB", digits=0, scale=1e6)
    about = "Cores that other processes kept busy while the row was timed."
    yield Heading("other_load", "other load", about, "cores", digits=2)
    yield Heading("seeds", "seeds", "How many seeds were run; the sizes and times are means over these.", digits=0)
    about = "How many of the seeds are ok: the quality is the mean over these. A row that lacks any never leads."
    yield Heading("ok_seeds", "ok seeds", about, digits=0)
