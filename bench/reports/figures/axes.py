"""The axis of costs: columns of the leaderboard's frame, in words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ....common.names import suggestion
from ...base.errors import BenchError
from ...suite.form_name import EAGER, latency_prefix

COUNTS = {
    "params": ("conv_weights_percent", "conv weights"),
    "conv-fc": ("conv_fc_weights_percent", "weights of convolutions and linear layers"),
    "all-params": ("parameters_percent", "parameters"),
    "effective": ("effective_percent", "effective parameters"),
    "macs": ("macs_percent", "MACs"),
    "bits": ("bits_percent", "bits of the conv weights"),
    "disk": ("disk_percent", "bytes on disk"),
}
LATENCY = "latency"
COSTS = (*COUNTS, LATENCY)


@dataclass(frozen=True)
class CostAxis:
    """A cost relative to the dense model's.

    Attributes
    ----------
    column : str
        Of the leaderboard's frame.
    label : str
        With the unit.
    dense : float
        The dense model's own value.
    low, high : str, optional
        Columns with the interval's ends, where the cost is measured: it is a machine's own.
    """

    column: str
    label: str
    dense: float
    low: str | None = None
    high: str | None = None


def cost_axis(cost: str, frame: pd.DataFrame, *, batch: int | None = None, form: str = EAGER) -> CostAxis:
    """Return the axis of a cost.

    Parameters
    ----------
    cost : str
        One of `COSTS`.
    frame : DataFrame
        From `leaderboard.leaderboard`.
    batch : int, optional
        Batch size of the latency; the smallest that was timed where None.
    form : str
        How the models were run while they were timed.

    Raises
    ------
    BenchError
        There is no such cost, or nothing was timed at that batch size in that form.
    """
    if cost in COUNTS:
        column, words = COUNTS[cost]
        return CostAxis(column, f"{words}, % of the dense model's", 100.0)
    if cost != LATENCY:
        raise BenchError(f"unknown cost '{cost}'{suggestion(cost, COSTS)}; there are {', '.join(COSTS)}")
    timed = _timed_batches(frame, form)
    if not timed or (batch is not None and batch not in timed):
        have = f"; timed are batches of {', '.join(map(str, timed))}" if timed else ""
        wanted = f" of a batch of {batch}" if batch is not None else ""
        raise BenchError(f"no latency{wanted} in the form '{form}' in these records{have}")
    size = timed[0] if batch is None else batch
    prefix = latency_prefix(form, size)
    run = "" if form == EAGER else f", {form}"
    return CostAxis(
        f"{prefix}_ratio", f"time of a batch of {size}{run}, relative to dense", 1.0, f"{prefix}_low", f"{prefix}_high"
    )


def _timed_batches(frame: pd.DataFrame, form: str) -> list[int]:
    """Return the batch sizes timed in a form, from small to large."""
    start, end = latency_prefix(form, 0).removesuffix("0"), "_ratio"
    names = [str(name) for name in frame.columns if str(name).startswith(start) and str(name).endswith(end)]
    sizes = [name[len(start) : -len(end)] for name in names if bool(frame[name].notna().to_numpy().any())]
    return sorted(int(size) for size in sizes if size.isdecimal())
