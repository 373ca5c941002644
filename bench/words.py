"""Numbers in sentences."""

from collections.abc import Mapping


def counted(count: int, thing: str) -> str:
    """Return ``1 record`` or ``3 records``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def budget_words(budget: Mapping[str, float | None]) -> str:
    """Return ``params=30%`` for ``{"params": 0.3}``; counts without a value are left out."""
    given = {count: fraction for count, fraction in budget.items() if fraction is not None}
    return ",".join(f"{count}={100 * fraction:g}%" for count, fraction in given.items())
