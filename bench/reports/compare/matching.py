"""Rows of two sets of records, matched by place, method and budget: settings, and so keys, may differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...base.errors import BenchError
from ...records.record import Record

#: Suite, device, table, method with its settings or label, and budget.
RowKey = tuple[str, str, str, str, str]
#: Records by seed, by machine.
ByMachine = dict[str, dict[int, Record]]


@dataclass(frozen=True)
class MatchedRow:
    """The records of one method at one budget in both sets, by seed.

    Attributes
    ----------
    suite, device, table, method, budget
        As in the leaderboard.
    machine_a, machine_b
        Where it was run; None where the set has no such row.
    a, b
        Records by seed; empty where the set has no such row.
    elsewhere
        Whether only one set has the row on this machine, while both sets have it on another one.
    """

    suite: str
    device: str
    table: str
    method: str
    budget: str
    machine_a: str | None
    machine_b: str | None
    a: dict[int, Record]
    b: dict[int, Record]
    elsewhere: bool = False

    @property
    def name(self) -> str:
        """Method and budget."""
        return f"{self.method} {self.budget}".rstrip()

    @property
    def title(self) -> str:
        """The table that the row belongs to: suite, model, data and machine."""
        machines = list(dict.fromkeys(machine for machine in (self.machine_a, self.machine_b) if machine))
        return f"{self.suite}: {self.table}, on {' and '.join(machines)} ({self.device})"

    @property
    def pairs(self) -> list[tuple[Record, Record]]:
        """The records of the seeds that both sets have."""
        return [(self.a[seed], self.b[seed]) for seed in self.a if seed in self.b]


def match_rows(a: Iterable[Record], b: Iterable[Record]) -> list[MatchedRow]:
    """Return the rows of both sets, each with the records of either; rows of a table stand together.

    A row is matched with the same row on the same machine. Where the sets have no machine in common for it and each
    has it on one, these two are matched.

    Raises
    ------
    BenchError
        The sets have a row on no common machine, and one of them on several.
    """
    places_a, places_b = _by_place(a), _by_place(b)
    tables: dict[str, list[MatchedRow]] = {}
    for place in dict.fromkeys([*places_a, *places_b]):
        for row in _matched(place, places_a.get(place, {}), places_b.get(place, {})):
            tables.setdefault(row.title, []).append(row)
    return [row for rows in tables.values() for row in rows]


def _by_place(records: Iterable[Record]) -> dict[RowKey, ByMachine]:
    places: dict[RowKey, ByMachine] = {}
    for record in records:
        trial = record.trial
        place = (trial.suite, trial.device, record.table, trial.method.row, str(trial.budget or ""))
        places.setdefault(place, {}).setdefault(record.machine, {})[trial.seed] = record
    return places


def _matched(place: RowKey, a: ByMachine, b: ByMachine) -> list[MatchedRow]:
    common = [machine for machine in a if machine in b]
    if common or not a or not b:
        machines = dict.fromkeys([*a, *b])
        return [
            MatchedRow(
                *place,
                machine_a=machine if machine in a else None,
                machine_b=machine if machine in b else None,
                a=a.get(machine, {}),
                b=b.get(machine, {}),
                elsewhere=bool(common) and machine not in common,
            )
            for machine in machines
        ]
    if len(a) > 1 or len(b) > 1:
        suite, _, table, method, budget = place
        raise BenchError(
            f"{suite}: {table}/{method}{f'/{budget}' if budget else ''}: A has it on {', '.join(a)}, B on "
            f"{', '.join(b)}: with no machine in common, give each as a folder SUITE/MACHINE or by a machine's id"
        )
    ((machine_a, own),), ((machine_b, other),) = a.items(), b.items()
    return [MatchedRow(*place, machine_a=machine_a, machine_b=machine_b, a=own, b=other)]
