"""The notes on a row of the leaderboard: failures, budgets missed, noise, and trials that are not alike."""

from __future__ import annotations

import math

from ...base.text import noise_in_words
from ...records.record import Record
from ..budgets import budget_of
from ..scores import difference
from ..text.table import number

#: Difference of the deployed model's quality, in the metric's unit, above which a row must say so.
NOTABLE_DIFFERENCE = 0.1


def notes(group: list[Record], dense: dict[int, Record]) -> list[str]:
    """Return the notes on a row, each text once."""
    note = group[0].trial.method.note
    found: list[str] = [note] if note else []
    for record in group:
        about = (_failure_note, _small_part_note, _budget_note, _deployed_note, _folding_note, load_note)
        found += [*filter(None, (remark(record) for remark in about)), *record.measured.latency_notes]
        reference = dense.get(record.trial.seed)
        if reference is None:
            found.append("no dense trial with this seed to compare with")
        elif differing := differences(record, reference):
            found.append(f"made with another {', another '.join(differing)} than the dense row")
    settings = [record.identity | {"seed": None} for record in group]
    if any(one != settings[0] for one in settings):
        found.append("its seeds were run with different settings")
    return list(dict.fromkeys(found))


def _failure_note(record: Record) -> str | None:
    if record.failure is None:
        return None
    message = " ".join(record.failure.message.split())
    short = message if len(message) <= 300 else message[:297] + "..."
    return f"{record.status} while {record.failure.stage}: {short}"


def _small_part_note(record: Record) -> str | None:
    """Say of the dense row how small a part convolutions are, where they are and linear layers are not counted."""
    size, trial = record.measured.planned, record.trial
    return size.small_part() if size and trial.is_dense and trial.layers == "conv" else None


def _budget_note(record: Record) -> str | None:
    """Say why the budget is missed, where it is; the plan's own words if it has some."""
    budget, planned = budget_of(record), record.measured.planned
    if budget is None:
        return None
    if planned is not None and planned.budget_ratio is not None and planned.note:
        return planned.note
    reached = budget.cost(record)
    if reached is None or budget.met_by(reached):
        return None
    return f"reaches {100 * reached:.1f} % of the dense {budget.measure}, asked for were {100 * budget.share:g} %"


def _deployed_note(record: Record) -> str | None:
    """Say that deploying changed more than rounding."""
    finished, deployed = final(record), quality(record, "deployed")
    if finished is None or deployed is None or abs(difference(finished, deployed)) <= NOTABLE_DIFFERENCE:
        return None
    return f"deployed it has {number(deployed, 2)} {record.measured.unit}"


def _folding_note(record: Record) -> str | None:
    if all(latency.folded == latency.dense_folded for latency in record.measured.latency):
        return None
    return "timed with batch-norm folded into one of the two models only, as the other could not be traced"


def load_note(record: Record) -> str | None:
    """Return what spoils the times, in words that are equal for rows timed under much the same conditions."""
    noise = {kind for latency in record.measured.latency for kind in latency.noise}
    cores = math.ceil(other_load(record))
    found = noise_in_words(noise, cores)
    if any(latency.warm is False for latency in record.measured.latency):
        found.append("times were still changing")
    if any(0 < len(latency.cores) < latency.threads for latency in record.measured.latency):
        found.append("there were fewer cores than threads")
    return f"timed while {' and '.join(found)}" if found else None


def other_load(record: Record) -> float:
    """Return the cores that other processes kept busy while the trial was timed, at the busiest batch size."""
    return max((latency.other_load or 0.0 for latency in record.measured.latency), default=0.0)


def differences(record: Record, reference: Record) -> list[str]:
    """Return what differs between two trials that should be alike in it."""
    differing = [
        text
        for text, part in (
            ("code", _shared_sources),
            ("data revision", lambda one: one.identity.get("data")),
            ("library version", lambda one: one.provenance.libraries),
            ("start", lambda one: one.identity.get("weights")),
        )
        if part(record) != part(reference)
    ]
    lengths = {r.measured.training.epochs if r.measured.training else None for r in (record, reference)} - {None}
    differing += ["length of training"] if len(lengths) > 1 else []
    older = record.trial.suite_version < reference.trial.suite_version  # a dense record of before may be as good as new
    differing += ["version of the suite"] if older else []
    other_recipe = record.identity.get("recipe") != reference.identity.get("recipe")
    return differing + (["recipe"] if other_recipe else [])


def _shared_sources(record: Record) -> dict[str, str]:
    """Return the digests of the source that a row and its dense row have in common: all but the methods'."""
    return {name: digest for name, digest in record.provenance.sources.items() if not name.startswith("method:")}


def quality(record: Record, moment: str, metric: str | None = None) -> float | None:
    """Return a metric at one moment, the main one unless told otherwise."""
    return record.measured.quality.get(moment, {}).get(metric or record.measured.metric or "")


def final(record: Record) -> float | None:
    """Return the main metric of the finished model.

    The deployed model's differs from it by rounding, and differently in each run: the layer forms are chosen by timing.
    """
    return quality(record, "finished")
