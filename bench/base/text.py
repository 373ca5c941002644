"""Words that tables, names and messages share: counts, budgets, rows, trials, noise."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Name of the reference that every table has: the model as it is, a trial like any other.
DENSE = "dense"


def counted(count: int, thing: str) -> str:
    """Return ``1 record`` or ``3 records``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def seeds_in_words(ok: int, seeds: int) -> str:
    """Return ``3``, or ``1 of 3`` where not all seeds are ok."""
    return str(seeds) if ok == seeds else f"{ok} of {seeds}"


def row_words(label: str, name: str, settings: Mapping[str, object], allocate: str) -> str:
    """Return the name of a method's row in tables: its label, else the method's name with what is set."""
    shared_out = {} if allocate == "uniform" else {"allocate": allocate}
    return label or " ".join([name, *(f"{key}={value}" for key, value in {**settings, **shared_out}.items())])


def table_words(entry: str, model: str, data: str) -> str:
    """Return the name of the table that a trial belongs to: ``model/data``, after the entry's label if it has one."""
    return "/".join(filter(None, (entry, model, data)))


def trial_words(table: str, row: str, budget: str, seed: int) -> str:
    """Return a trial's name, which is unique in its suite: ``model/data/method/budget/seed``."""
    return "/".join([table, row, *filter(None, [budget]), f"seed{seed}"])


def budget_words(budget: Mapping[str, float | None]) -> str:
    """Return ``params=30%`` for ``{"params": 0.3}``; counts without a value are left out."""
    given = {count: fraction for count, fraction in budget.items() if fraction is not None}
    return ",".join(f"{count}={100 * fraction:g}%" for count, fraction in given.items())


def noise_in_words(noise: Collection[str], cores: int = 0) -> list[str]:
    """Return what spoiled times, as in ``timed while ...``.

    Parameters
    ----------
    noise
        Kinds, as in a record's ``noise``.
    cores
        How many cores other processes kept busy at most; 0 where nobody asks.
    """
    busy = f"up to {counted(cores, 'core')}" if cores else "cores"
    words = {
        "load": f"other processes kept {busy} busy",
        "steal": "the hypervisor gave time to other machines",
        "clock": "the processor's clock changed",
        "throttled": "heat, power or a quota held the processor back",
    }
    return [text for kind, text in words.items() if kind in noise]
