"""The choice of records to compare: one suite, or the trials whose names match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ....common.names import suggestion
from ...base.errors import BenchError
from ...records.record import Record
from ...suite.trial import name_matches
from .sources import RecordSet


def choose(
    a: RecordSet, b: RecordSet, *, suite: str | None = None, only: str | None = None
) -> tuple[RecordSet, RecordSet]:
    """Return both sets with the chosen records only.

    Parameters
    ----------
    a, b
        The sets; one of them may come out empty.
    suite
        Name of a suite.
    only
        What a trial's name contains, or matches where it has wildcards.

    Raises
    ------
    BenchError
        Neither set has any such record; the message says what there is.
    """
    if suite is not None:
        names = sorted({record.trial.suite for record in [*a.records, *b.records]})
        if suite not in names:
            raise BenchError(
                f"neither {a.name} nor {b.name} has records of suite '{suite}'{suggestion(suite, names)}; "
                f"there are records of {', '.join(names)}"
            )
        a, b = _kept(a, b, lambda record: record.trial.suite == suite)
    if only is not None:
        names = sorted({record.name for record in [*a.records, *b.records]})
        a, b = _kept(a, b, lambda record: name_matches(record.name, only))
        if not a.records and not b.records:
            raise BenchError(f"no trial of {a.name} or {b.name} matches '{only}'; names are like {names[0]}")
    return a, b


def _kept(a: RecordSet, b: RecordSet, keep: Callable[[Record], bool]) -> tuple[RecordSet, RecordSet]:
    kept = [replace(one, records=[record for record in one.records if keep(record)]) for one in (a, b)]
    return kept[0], kept[1]
