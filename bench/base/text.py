"""Numbers and noise in sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def counted(count: int, thing: str) -> str:
    """Return ``1 record`` or ``3 records``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def seeds_in_words(ok: int, seeds: int) -> str:
    """Return ``3``, or ``1 of 3`` where not all seeds are ok."""
    return str(seeds) if ok == seeds else f"{ok} of {seeds}"


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
