"""Superseded records: those that a newer version of their suite or of a method has replaced."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..base.provenance.versions import method_versions
from ..base.text import counted
from ..suite.load import load_suite, packaged_suites
from ..suite.trial import expand
from .record import Record

#: A trial on a machine: suite, machine, device and the trial's name. Only records of the same one say what is newer.
Place = tuple[str, str, str, str]


@dataclass(frozen=True)
class Versions:
    """The newest versions that are known of each trial on each machine.

    Attributes
    ----------
    suites
        Version of the suite, and key, of the record whose suite is newest; of several the last.
    methods
        By place and method's name, the highest version among the trial's records.
    """

    suites: dict[Place, tuple[int, str]]
    methods: dict[tuple[Place, str], int]

    @classmethod
    def among(cls, records: Iterable[Record]) -> Versions:
        """Return the newest versions that some records have."""
        suites: dict[Place, tuple[int, str]] = {}
        methods: dict[tuple[Place, str], int] = {}
        for record in records:
            place = place_of(record)
            if place not in suites or record.trial.suite_version >= suites[place][0]:
                suites[place] = record.trial.suite_version, record.key
            for name, version in _methods_of(record):
                methods[place, name] = max(methods.get((place, name), 0), version)
        return cls(suites, methods)

    def why(self, record: Record) -> str | None:
        """Return the reason why a record is superseded, None where it is not.

        A suite's newer version supersedes the records of trials that it has changed, once they were run again, and of
        those that it no longer has. All others are what the newer version asks for: a run takes them as done.
        """
        place, trial = place_of(record), record.trial
        newest, key = self.suites[place]
        if trial.suite_version < newest and record.key != key:
            return f"suite {trial.suite}, version {trial.suite_version}, by now {newest}"
        packaged, names = packaged_trials(trial.suite)
        if trial.suite_version < packaged and record.name not in names:
            return f"suite {trial.suite}, version {trial.suite_version}, by now {packaged}, without such a trial"
        for name, version in _methods_of(record):
            highest = max(self.methods[place, name], method_versions().get(name, 0))
            if version < highest:
                return f"method {name}, version {version}, by now {highest}"
        return None

    def notes(self, records: Iterable[Record]) -> list[str]:
        """Return what a row of the leaderboard must say of its records, each text once."""
        return [f"superseded: {why}" for why in dict.fromkeys(map(self.why, records)) if why]


def place_of(record: Record) -> Place:
    """Return which trial a record is of, and where that ran."""
    return record.trial.suite, record.machine, record.trial.device.partition(":")[0], record.name


def describe_superseded(records: Iterable[Record], how: str, versions: Versions | None = None) -> str | None:
    """Return the line that tells how many records are left out, and ``how`` they are seen; None where none are."""
    records = list(records)
    versions = versions or Versions.among(records)
    reasons = [why for why in map(versions.why, records) if why]
    if not reasons:
        return None
    listed = "; ".join(sorted(set(reasons)))
    are = "is" if len(reasons) == 1 else "are"
    return f"{counted(len(reasons), 'record')} {are} superseded and left out ({listed}): {how}"


@functools.cache
def packaged_trials(suite: str) -> tuple[int, frozenset[str]]:
    """Return the version of the packaged suite of a name, and its trials' names; 0 where none is packaged."""
    if suite not in packaged_suites():
        return 0, frozenset()
    known = load_suite(suite)
    return known.version, frozenset(trial.name for trial in expand(known))


def _methods_of(record: Record) -> Iterator[tuple[str, int]]:
    """Yield name and version of the trial's method, and of those that single layers were given."""
    if record.method.version:  # 0 is none: the method could not be made
        yield record.method.name, record.method.version
    for group in (record.measured.plan or {}).get("groups", ()):
        if method := group.get("method"):
            yield method["name"], method["version"]
