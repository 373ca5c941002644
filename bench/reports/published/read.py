"""The reader of the published numbers: one row of ``results/published/<paper>.csv`` each."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BenchError

PAPERS = ("li2019", "yang2020", "yu2021")

#: The value of a metric of size, from the counts of the dense and of the compressed network.
SIZE_METRICS: dict[str, Callable[[float, float], float]] = {
    "params": lambda dense, small: small,
    "block_params": lambda dense, small: small,
    "params_ratio": lambda dense, small: 100 * small / dense,
    "block_params_ratio": lambda dense, small: 100 * small / dense,
    "flops_ratio": lambda dense, small: 100 * small / dense,
    "params_reduction": lambda dense, small: 100 * (1 - small / dense),
    "flops_reduction": lambda dense, small: 100 * (1 - small / dense),
    "compression_ratio": lambda dense, small: dense / small,
}
#: Metrics of quality: they follow from no formula.
OTHER_METRICS = (
    "top1_accuracy", "top5_accuracy", "baseline_top1_accuracy", "baseline_top5_accuracy", "top1_drop", "top5_drop",
    "top1_error", "baseline_top1_error", "psnr", "map",
)  # fmt: skip


@dataclass(frozen=True)
class PublishedRow:
    """One published number.

    Attributes
    ----------
    paper, table
        Where it stands.
    task, dataset, model, method, setting
        What it is of, in the words of the table.
    metric, value, unit
        The number.
    """

    paper: str
    table: str
    task: str
    dataset: str
    model: str
    method: str
    setting: str
    metric: str
    value: float
    unit: str

    @property
    def is_size(self) -> bool:
        """Whether the number is a size or an amount of work, and not a quality."""
        return self.metric in SIZE_METRICS

    @property
    def line(self) -> tuple[str, str, str, str]:
        """The line of the table that the number stands in: table, model, method and setting."""
        return self.table, self.model, self.method, self.setting

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.model, self.method, self.setting)))
        return f"{self.paper}, table {self.table}: {what}, {self.metric}"


def read_rows(paper: str, folder: Path | None = None) -> list[PublishedRow]:
    """Return the published numbers of a paper, in the order of the file.

    Parameters
    ----------
    paper
        ``li2019``, ``yang2020`` or ``yu2021``.
    folder
        Where the CSV files lie; by default those that ship with the package.

    Raises
    ------
    BenchError
        The file is missing, or has a metric of which nobody said whether it is a size.
    """
    file = (folder or _default_folder()) / f"{paper}.csv"
    if not file.is_file():
        raise BenchError(f"no published numbers at {file}")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [_row(**fields) for fields in csv.DictReader(lines)]
    for number, row in enumerate(rows, start=2):
        if row.metric not in SIZE_METRICS and row.metric not in OTHER_METRICS:
            raise BenchError(f"{file}:{number}: metric '{row.metric}' is neither a known size nor a known quality")
    return rows


def _row(*, value: str, **fields: str) -> PublishedRow:
    return PublishedRow(value=float(value), **fields)


def _default_folder() -> Path:
    """Return the tables beside this file, where a wheel has them, or in the checkout's ``results``."""
    here = Path(__file__).resolve().parent
    packaged = here / "tables"
    return packaged if packaged.is_dir() else here.parents[2] / "results" / "published"
