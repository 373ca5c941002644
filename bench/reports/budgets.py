"""The budget at which methods are compared: a share of the dense model on one measure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...common.names import suggestion
from ..base.errors import BenchError
from ..suite.form_name import EAGER

if TYPE_CHECKING:
    from ..records.record import Counts, Record

#: Counts by measure: of the measured model, and of the plan where it was never measured.
COUNTS = {"params": ("conv_weights", "weights"), "macs": ("macs", "macs"), "bits": ("bits", "bits")}
#: Counts of the measured model where budgets count linear layers, too.
WITH_LINEAR = {"conv_weights": "conv_fc_weights", "bits": "conv_fc_bits"}
LATENCY = "latency"
MEASURES = (*COUNTS, LATENCY)
#: Relative distance from the budget up to which a size stands for it.
TOLERANCE = 0.1
#: Budgets that errors show.
EXAMPLES = "params=30%, macs=0.5, bits=15%, latency=80% or latency_b8=80%"
PATTERN = re.compile(r"(?P<measure>[a-z]+)(?:_b(?P<batch>\d+))?=(?P<number>[\d.eE+-]+)(?P<percent>\s*%)?")


@dataclass(frozen=True)
class CostBudget:
    """A share of the dense model.

    Attributes
    ----------
    measure
        ``params`` (conv weights), ``macs`` (of all matrix products), ``bits`` (stored, of conv weights) or
        ``latency`` (median of the paired ratio of the deployed models, run eagerly). In a record whose trial is about
        linear layers, too, their weights and bits are counted.
    share
        Of the dense model's, as a fraction.
    batch_size
        Of the latency; None for the smallest, which :meth:`among` chooses once for all records of a cell.
    """

    measure: str
    share: float
    batch_size: int | None = None

    @property
    def of_machine(self) -> bool:
        """Whether the measure depends on the machine."""
        return self.measure == LATENCY

    @property
    def name(self) -> str:
        """The measure's name, with the batch size where it has one."""
        return self.measure if self.batch_size is None else f"{self.measure}_b{self.batch_size}"

    def __str__(self) -> str:
        return f"{self.name}={100 * self.share:g}%"

    def distance(self, cost: float) -> float:
        """Return the relative distance of a share from the budget."""
        return round(abs(cost / self.share - 1), 9)  # 0.3 and 0.5 are equally far from 0.4, and 0.33 a tenth from 0.3

    def met_by(self, cost: float | None, tolerance: float = TOLERANCE) -> bool:
        """Tell whether a share stands for the budget: within the tolerance, above or below."""
        return cost is not None and self.distance(cost) <= tolerance

    def among(self, records: Iterable[Record]) -> CostBudget:
        """Return the budget with the smallest batch size that the dense records were timed at, else any of them.

        Ratios at different batch sizes are different measures: within a cell all must be of one.
        """
        if not self.of_machine or self.batch_size is not None:
            return self
        records = list(records)
        sizes = _batch_sizes(record for record in records if record.trial.is_dense) or _batch_sizes(records)
        return replace(self, batch_size=min(sizes)) if sizes else self

    def cost(self, record: Record) -> float | None:
        """Return a record's share of the dense model on the measure; None where it is not known.

        A measured count goes before a planned one, and both before the share that was asked for. A latency is not known
        without a batch size, see :meth:`among`.
        """
        measured = record.measured
        if self.measure == LATENCY:
            return self._latency(record)
        count, planned_count = COUNTS[self.measure]
        if record.trial.layers == "conv+linear":
            count = WITH_LINEAR.get(count, count)
        own, dense = _count(measured.counts, count), _count(measured.dense_counts, count)
        if own is not None and dense:
            return own / dense
        if (planned := measured.planned) is not None and getattr(planned, f"dense_{planned_count}"):
            return getattr(planned, planned_count) / getattr(planned, f"dense_{planned_count}")
        return record.trial.budget.as_dict().get(self.measure) if record.trial.budget else None

    def _latency(self, record: Record) -> float | None:
        timed = {one.batch_size: one.ratio for one in record.measured.latency if one.form == EAGER}
        return None if self.batch_size is None else timed.get(self.batch_size)


def budget_of(record: Record) -> CostBudget | None:
    """Return the budget that a trial was given; None for a size of its own."""
    if record.trial.budget is None:
        return None
    ((measure, share),) = record.trial.budget.as_dict().items()
    return CostBudget(measure, share)


def parse_budget(text: str) -> CostBudget:
    """Return the budget that ``params=30%`` or ``latency_b8=0.8`` names.

    Raises
    ------
    BenchError
        The text is not like ``params=30%``, names an unknown measure, or a share that is not between 0 and 1; only that
        of a latency may be above 1.
    """
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        raise BenchError(f"budget '{text}': must be like {EXAMPLES}")
    measure, batch = match["measure"], match["batch"]
    if measure not in MEASURES:
        known = ", ".join(MEASURES)
        raise BenchError(
            f"budget '{text}': unknown measure '{measure}'{suggestion(measure, MEASURES)}; there are {known}"
        )
    if batch is not None and measure != LATENCY:
        raise BenchError(f"budget '{text}': only a latency has a batch size")
    try:
        share = float(match["number"]) / (100 if match["percent"] else 1)
    except ValueError:
        raise BenchError(f"budget '{text}': '{match['number']}' is no number; must be like {EXAMPLES}") from None
    if not 0 < share <= 1 and not (measure == LATENCY and share > 1):
        raise BenchError(f"budget '{text}': must be above 0 and at most 100 % of the dense model; 30 % is 30% or 0.3")
    return CostBudget(measure, share, int(batch) if batch else None)


def _batch_sizes(records: Iterable[Record]) -> set[int]:
    return {one.batch_size for record in records for one in record.measured.latency if one.form == EAGER}


def _count(counts: Counts | None, name: str) -> float | None:
    return getattr(counts, name) if counts else None
