"""Which records are superseded: made by an older version of their suite or of a method than there is by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..methods import list_methods, method_class
from .record import Record
from .words import counted


@dataclass(frozen=True)
class Versions:
    """The newest versions that are known.

    Attributes
    ----------
    suites
        By name, the highest among the records.
    methods
        By name, the highest among the records and what is registered here.
    """

    suites: dict[str, int]
    methods: dict[str, int]

    @classmethod
    def among(cls, records: Iterable[Record]) -> Versions:
        """Return the newest versions that some records and the methods at hand have."""
        suites: dict[str, int] = {}
        methods = {name: method_class(name).version for name in list_methods()}
        for record in records:
            suite = record.trial.suite
            suites[suite] = max(suites.get(suite, 0), record.trial.suite_version)
            for name, version in _methods_of(record):
                methods[name] = max(methods.get(name, 0), version)
        return cls(suites, methods)

    def why(self, record: Record) -> str | None:
        """Return by what a record is superseded, None where it is not."""
        newest = self.suites[record.trial.suite]
        if record.trial.suite_version < newest:
            return f"suite {record.trial.suite}, version {record.trial.suite_version}, by now {newest}"
        for name, version in _methods_of(record):
            if version < self.methods[name]:
                return f"method {name}, version {version}, by now {self.methods[name]}"
        return None

    def notes(self, records: Iterable[Record]) -> list[str]:
        """Return what a row of the leaderboard must say of its records, each text once."""
        return [f"superseded: {why}" for why in dict.fromkeys(map(self.why, records)) if why]


def current(records: Iterable[Record]) -> list[Record]:
    """Return the records that are not superseded by any of the others or by the methods at hand."""
    records = list(records)
    versions = Versions.among(records)
    return [record for record in records if versions.why(record) is None]


def describe_superseded(records: Iterable[Record], how: str) -> str | None:
    """Return the line that tells how many records are left out, and ``how`` they are seen; None where none are."""
    records = list(records)
    versions = Versions.among(records)
    reasons = [why for why in map(versions.why, records) if why]
    if not reasons:
        return None
    listed = "; ".join(sorted(set(reasons)))
    are = "is" if len(reasons) == 1 else "are"
    return f"{counted(len(reasons), 'record')} {are} superseded and left out ({listed}): {how}"


def _methods_of(record: Record) -> Iterator[tuple[str, int]]:
    """Yield name and version of the trial's method, and of those that single layers were given."""
    if record.method.version:  # 0 is none: the method could not be made
        yield record.method.name, record.method.version
    for group in (record.measured.plan or {}).get("groups", ()):
        if method := group.get("method"):
            yield method["name"], method["version"]
