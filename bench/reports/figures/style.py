"""The style of all figures, and their files: equal figures give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ....common.files import write_atomically
from ...base.errors import BenchError
from ...base.text import DENSE

#: Formats by suffix, with what would change from one run to the next left out of the file.
FORMATS: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "ModDate": None},
    ".png": {"Software": None},
    ".svg": {"Date": None},
}
#: Width of a figure over both columns of a paper, in cm.
DEFAULT_WIDTH = 17.0
#: cm in an inch, matplotlib's unit of length.
INCH = 2.54
#: Dots an inch of PNG files.
RESOLUTION = 200

#: Colours that people tell apart whichever kind of colour vision they have (Okabe and Ito, 2008), black left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
#: As many as share no divisor with the number of colours: all pairs are used before one comes again.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*")
#: Of several budgets, from the first to the last.
LINES = ("-", "--", ":", "-.")
#: Of the dense model.
DENSE_COLOUR = "#000000"

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 8.0,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 4.5,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "svg.hashsalt": "decompbench",  # else the ids in the file are drawn anew each time
}


@dataclass(frozen=True)
class Look:
    """The look of a method: a colour, and a marker for those who see no colour."""

    colour: str
    marker: str


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Return the look of each method, by its label: registered methods always have the same, other labels follow."""
    from ....methods import list_methods

    wanted = set(methods)
    known = [name for name in list_methods() if name != DENSE]
    order = [*known, *sorted(wanted - set(known))]
    return {
        method: Look(COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])
        for number, method in enumerate(order)
        if method in wanted
    }


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style until the block ends; matplotlib's settings of the program around are left as they are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in STYLE.items():
            mpl.rcParams[name] = value
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure; lengths in cm. It needs no display."""
    return Figure(figsize=(width / INCH, height / INCH))


def check_path(path: Path) -> None:
    """Make sure that a figure can have this name.

    Raises
    ------
    BenchError
        The suffix is of none of the formats.
    """
    if path.suffix.lower() not in FORMATS:
        raise BenchError(f"-o {path}: the name must end in {', '.join(sorted(FORMATS))}")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix names: all of it, or nothing.

    Raises
    ------
    BenchError
        The suffix is of none of the formats, or the file cannot be written.
    """
    check_path(path)
    suffix, buffer = path.suffix.lower(), io.BytesIO()
    with styled():
        figure.savefig(buffer, format=suffix[1:], dpi=RESOLUTION, metadata=FORMATS[suffix])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}") from None
