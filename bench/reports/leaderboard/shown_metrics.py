"""The metrics that tables show, and which of them is the main one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....common.names import suggestion
from ...base.errors import BenchError
from ...records.record import Measured, Record


@dataclass(frozen=True)
class ShownMetric:
    """One metric: its name and unit, and whether more of it is better."""

    name: str
    unit: str
    higher_is_better: bool

    @property
    def heading(self) -> str:
        """Name and unit."""
        return f"{self.name} {self.unit}".rstrip()


def shown_metrics(measured: Measured) -> list[ShownMetric]:
    """Return the metrics that tables show, the main one first; the others are as it is, of other sets or ranks."""
    if measured.metric is None:
        return []
    higher = measured.higher_is_better is not False
    shown = {measured.metric: measured.unit or "", **measured.also_shown}
    return [ShownMetric(name, unit, higher) for name, unit in shown.items()]


def with_metric(records: Iterable[Record], name: str) -> list[Record]:
    """Return records with another of the metrics that tables show as the main one.

    Parameters
    ----------
    records
        Tables without the metric are left out.
    name
        Such as ``psnr_y[Set14]``.

    Raises
    ------
    BenchError
        No record has it; the message has those there are.
    """
    records = list(records)
    having = {_table(record) for record in records if name in _names(record)}
    if not having:
        raise unknown_metric(name, records)
    return [_with(record, name) for record in records if _table(record) in having]


def unknown_metric(name: str | None, records: Iterable[Record]) -> BenchError:
    """Return the error that no record has a metric."""
    known = sorted({known for record in records for known in _names(record)})
    if name is None or not known:
        return BenchError("these records have no quality that methods could be ranked by")
    return BenchError(f"no metric '{name}'{suggestion(name, known)}; there is {', '.join(known)}")


def _with(record: Record, name: str) -> Record:
    units = {metric.name: metric.unit for metric in shown_metrics(record.measured)}
    if name not in units:
        return record
    also = {other: unit for other, unit in units.items() if other != name}
    measured = record.measured.model_copy(update={"metric": name, "unit": units[name], "also_shown": also})
    return record.model_copy(update={"measured": measured})


def _names(record: Record) -> list[str]:
    return [metric.name for metric in shown_metrics(record.measured)]


def _table(record: Record) -> tuple[str, ...]:
    return record.trial.suite, record.machine, record.trial.device, record.table
