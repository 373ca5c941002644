"""The list of decisions on trials that ``run --explain`` and ``plan --explain`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.text import counted
from .options import output, print_list

if TYPE_CHECKING:
    from ..running.decisions import Decision


def print_decisions(decisions: list[Decision], as_json: bool) -> None:
    """Print a line for each trial: its name, whether it runs, and why; JSON has the keys and identities, too."""
    rows = [
        {
            "trial": one.trial.name,
            "runs": "yes" if one.runs else "no",
            "why": one.why,
            "key": one.key,
            "identity": one.checked.identity,
        }
        for one in decisions
    ]
    if as_json:
        print_list([row | {"runs": row["runs"] == "yes"} for row in rows], (), as_json)
        return
    print_list(rows, ("trial", "runs", "why"), as_json)
    todo = sum(one.runs for one in decisions)
    done = f"{len(decisions) - todo} are done" if todo else "all are done"
    output().print(f"{todo} of {counted(len(decisions), 'trial')} would run, {done}", highlight=False)
