"""The leader of each budget, and the rows that are behind it beyond the spread of seeds."""

from __future__ import annotations

import pandas as pd

from ..budgets import parse_budget
from ..statistics import standings

#: The columns that identify a table of the leaderboard.
TABLE_KEYS = ["suite", "machine", "device", "table"]


def mark_leaders(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the leaderboard with the column ``standing`` made anew from the rows that are there.

    Parameters
    ----------
    frame
        With ``final_by_seed``: by seed the final quality of trials that are ok; and ``seeds``, how many were run.

    Returns
    -------
    pandas.DataFrame
        ``standing`` is ``leader``, ``worse``, ``not told apart`` or ``unknown``, see :func:`.standings`; missing
        for the dense model, for rows of which a seed has no quality, for those that miss their budget by more than
        :data:`.budgets.TOLERANCE`, and where a budget has one row alone.
    """
    if frame.empty:
        return frame
    marked = frame.assign(standing=None)
    # several rows of one model at one budget; a method's size of its own is no budget
    rivals = frame[(frame["kind"] != "none") & (frame["final_by_seed"].map(len) == frame["seeds"]) & _on_budget(frame)]
    for _, group in rivals.groupby([*TABLE_KEYS, "budget"], sort=False):
        if len(group) < 2:
            continue
        values = [list(by_seed.values()) for by_seed in group["final_by_seed"]]
        higher = False not in set(group["higher_is_better"])
        for index, (standing, _) in zip(group.index, standings(values, higher_is_better=higher), strict=True):
            marked.loc[index, "standing"] = standing
    return marked


def _on_budget(frame: pd.DataFrame) -> pd.Series:
    """Tell of each row whether it has a budget and the size that this asks for, judged as :mod:`.ranking` does."""
    found = [
        bool(budget) and not pd.isna(percent) and parse_budget(budget).met_by(percent / 100)
        for budget, percent in zip(frame["budget"], frame["budget_percent"], strict=True)
    ]
    return pd.Series(found, index=frame.index, dtype=bool)
