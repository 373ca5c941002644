"""The decision on each trial of a run: it is done, or it runs, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..base.provenance.software import key_of
from ..planning.forecast import Checked
from ..records.record import FINAL, Provenance, Record
from ..suite.trial import Trial
from .keys import changes

#: Which trials run again that have a record: with other provenance than a new one would have, or all.
Redo = Literal["outdated", "all"]
#: Parts of the provenance that can change a result; a revision alone does not.
_COMPARED = {"libraries", "sources", "threads", "processor"}


@dataclass(frozen=True)
class Decision:
    """What is done with one trial.

    Attributes
    ----------
    trial, checked, key
        The trial, what is known of it beforehand, and its key.
    record
        The record of this key and name; None where there is none.
    runs
        Whether it runs.
    why
        Why it runs, or that it is done and with what else it was made.
    """

    trial: Trial
    checked: Checked
    key: str
    record: Record | None
    runs: bool
    why: str


def decide(
    trials: Sequence[Trial], checked: Sequence[Checked], records: Iterable[Record], redo: Redo | None = None
) -> list[Decision]:
    """Return what a run does with each trial.

    Parameters
    ----------
    trials, checked
        The trials, and what the preflight found of each.
    records
        All records there are, in the order of time.
    redo
        Which trials run again that are done.
    """
    known: dict[tuple[str, str], Record] = {}
    named: dict[tuple[str, str], Record] = {}
    for record in records:
        known[record.key, record.name] = record  # the name, too: a renamed row has no record under its name
        named[record.name, _kind(record.trial.device)] = record
    decisions = []
    for trial, one in zip(trials, checked, strict=True):
        key = key_of(one.identity)
        record = known.get((key, trial.name))
        runs, why = _decide(one, record, named.get((trial.name, _kind(trial.device))), redo)
        decisions.append(Decision(trial, one, key, record, runs, why))
    return decisions


def _kind(device: str) -> str:
    """Return ``cuda`` for ``cuda:1``: which of several is no part of what is asked for."""
    return device.partition(":")[0]


def _decide(checked: Checked, record: Record | None, other: Record | None, redo: Redo | None) -> tuple[bool, str]:
    if record is None and other is None:
        return True, "no record yet"
    if record is None and other is not None:
        return True, f"another trial now: {', '.join(changes(other.identity, checked.identity))}"
    assert record is not None
    if record.status not in FINAL:
        return True, f"ended as {record.status}"
    outdated = outdated_by(record, checked)
    made = f"done, made with other {', '.join(outdated)}" if outdated else "done"
    if redo == "all" or (redo == "outdated" and outdated):
        return True, f"--redo {redo}: {made}"
    return False, made


def made_with(provenance: Provenance) -> str:
    """Return a digest of what can change a result."""
    return key_of(provenance.model_dump(include=_COMPARED))


def outdated_by(record: Record, checked: Checked) -> list[str]:
    """Return what a record was made with that a new one would not be: libraries, sources, threads, processor."""
    before, after = (one.model_dump(include=_COMPARED) for one in (record.provenance, checked.provenance))
    if "all" in before["sources"]:  # of before version 3, which digested all sources as one
        before["sources"] = after["sources"] = {}
        return ["sources (told as one before version 3)", *changes(before, after)]
    return list(changes(before, after))
