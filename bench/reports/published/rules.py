"""The rules of published sizes: ``<paper>.yaml`` gives every line a variant and a convention, or a reason why not."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError, field_validator, model_validator

from ....common.names import suggestion
from ...base.errors import BenchError
from ...base.yaml import parse_value
from ...suite.schema import Strict
from .counts import CONVENTIONS
from .read import SIZE_METRICS, PublishedRow


class MetricRule(Strict):
    """The convention by which one metric of a table is counted.

    Attributes
    ----------
    count
        Name of the convention.
    step
        What one in the last printed digit stands for: 10000 where the table says 3.21M.
    """

    count: str
    step: float = Field(gt=0)

    @field_validator("count")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in CONVENTIONS:
            raise ValueError(f"unknown convention '{value}'{suggestion(value, CONVENTIONS)}; {', '.join(CONVENTIONS)}")
        return value


class Rule(Strict):
    """The rule for the sizes of one line of a table.

    Attributes
    ----------
    method, setting
        As in the published table.
    variant
        The named plan that gives these sizes; empty where they cannot be derived.
    steps
        By metric: the step, where it is not the table's.
    mismatch
        Why a size does not come out: for all metrics, or by metric.
    not_derivable
        Why there is nothing to compare with.
    note
        A remark on a size that does come out: for all metrics, or by metric.
    """

    method: str
    setting: str = ""
    variant: str = ""
    steps: dict[str, float] = Field(default_factory=dict)
    mismatch: str | dict[str, str] = ""
    not_derivable: str = ""
    note: str | dict[str, str] = ""

    @model_validator(mode="after")
    def _variant_or_reason(self) -> Rule:
        if bool(self.variant) == bool(self.not_derivable):
            raise ValueError("give either a variant or not_derivable")
        return self

    def mismatch_of(self, metric: str) -> str:
        """Return why the published number of ``metric`` is not ours; empty where it is."""
        return _of_metric(self.mismatch, metric)

    def note_of(self, metric: str) -> str:
        """Return the remark on ``metric`` where it agrees."""
        return _of_metric(self.note, metric)


def _of_metric(text: str | dict[str, str], metric: str) -> str:
    return text if isinstance(text, str) else text.get(metric, "")


class TableRules(Strict):
    """The rules for the lines of one model in one table.

    Attributes
    ----------
    table, model
        As in the published table.
    metrics
        How its metrics are counted.
    block
        Path of the residual block that is counted, for the convention ``block``.
    rows
        One rule a line.
    """

    table: str
    model: str
    metrics: dict[str, MetricRule] = Field(min_length=1)
    block: str = ""
    rows: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("table", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> str:
        return str(value)

    @field_validator("metrics")
    @classmethod
    def _sizes_only(cls, value: dict[str, MetricRule]) -> dict[str, MetricRule]:
        for metric in value:
            if metric not in SIZE_METRICS:
                raise ValueError(f"'{metric}' is no size{suggestion(metric, SIZE_METRICS)}")
        return value


class Rules(Strict):
    """All rules of a paper."""

    parts: tuple[TableRules, ...] = Field(min_length=1)

    @cached_property
    def by_line(self) -> dict[tuple[str, str, str, str], tuple[TableRules, Rule]]:
        """The rules by table, model, method and setting."""
        return {
            (part.table, part.model, rule.method, rule.setting): (part, rule)
            for part in self.parts
            for rule in part.rows
        }

    def of(self, row: PublishedRow) -> tuple[TableRules, Rule]:
        """Return the rule of a published size.

        Raises
        ------
        BenchError
            There is none: no size may be left out in silence.
        """
        if row.line not in self.by_line:
            raise BenchError(f"{row}: no rule says how this size comes about")
        part, rule = self.by_line[row.line]
        if row.metric not in part.metrics:
            raise BenchError(f"{row}: the rules do not say how {row.metric} is counted in this table")
        return part, rule


def rules_file(paper: str) -> Path:
    """Return the file of a paper's rules."""
    return Path(__file__).parent / f"{paper}.yaml"


def load_rules(paper: str) -> Rules:
    """Read a paper's rules.

    Raises
    ------
    BenchError
        The file cannot be used, or has two rules for one line.
    """
    file = rules_file(paper)
    try:
        rules = Rules(**parse_value(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BenchError(f"{file}: {error}") from None
    if len(rules.by_line) != sum(len(part.rows) for part in rules.parts):
        raise BenchError(f"{file}: two rules for one line of a table")
    return rules
