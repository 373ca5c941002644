"""The verdicts on published sizes: whether a size follows from the method's formulas, and if not, why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ...base.errors import BenchError
from ...base.kept import kept
from ...suite.variants import FOLDER
from .counts import CONVENTIONS, Network
from .read import PAPERS, SIZE_METRICS, PublishedRow, read_rows
from .rules import Rule, TableRules, load_rules, rules_file

#: What a network is planned by, and thus counted.
METHODS = "decompbench.methods"

SizeStatus = Literal["match", "documented mismatch", "not derivable", "unexplained"]


@dataclass(frozen=True)
class SizeVerdict:
    """The verdict on one published size.

    Attributes
    ----------
    row
        The published number.
    status
        ``match``: ours, rounded as the table rounds, is the published one. ``documented mismatch``: it is not, and the
        note says why. ``not derivable``: there is nothing to compare with, and the note says why. ``unexplained``: the
        rules are wrong, since a number differs without a reason or agrees where one is given.
    ours
        Our number, unrounded; None where there is none.
    step
        What one in the last printed digit stands for.
    variant, count
        Named plan and convention of counting; empty where nothing was counted.
    note
        The reason for a mismatch, or a remark.
    """

    row: PublishedRow
    status: SizeStatus
    ours: float | None = None
    step: float = 0.0
    variant: str = ""
    count: str = ""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a plain mapping, the published number's fields beside ours."""
        own = {key: value for key, value in asdict(self).items() if key != "row"}
        published = asdict(self.row)
        return {key: value for key, value in published.items() if key != "value"} | {
            "published": self.row.value,
            **own,
        }


def judge_all(papers: Sequence[str] = PAPERS, folder: Path | None = None) -> list[SizeVerdict]:
    """Return a verdict for every published size, in the order of the tables.

    Parameters
    ----------
    papers
        Which papers.
    folder
        Where the published numbers lie; by default those that ship with the package.

    Raises
    ------
    BenchError
        A size has no rule, or a rule no size.
    """
    return [verdict for paper in papers for verdict in _judge_paper(paper, folder)]


def _judge_paper(paper: str, folder: Path | None) -> Iterator[SizeVerdict]:
    rules = load_rules(paper)
    unused = dict(rules.by_line)
    for row in read_rows(paper, folder):
        if row.is_size:
            part, rule = rules.of(row)
            unused.pop(row.line, None)
            yield judge(row, part, rule)
    if unused:
        lines = "; ".join(" ".join(filter(None, line)) for line in unused)
        raise BenchError(f"{paper}: rules for lines of which no size is published: {lines}")


def judge(row: PublishedRow, part: TableRules, rule: Rule) -> SizeVerdict:
    """Return the verdict on one published size."""
    metric = part.metrics[row.metric]
    step = rule.steps.get(row.metric, metric.step)
    if rule.not_derivable:
        return SizeVerdict(row, "not derivable", step=step, note=rule.not_derivable)
    dense, small = counted(rule.variant, metric.count, part.block)
    ours = SIZE_METRICS[row.metric](dense, small)
    reason = rule.mismatch_of(row.metric)
    agrees = rounds_to(ours, row.value, step)
    if agrees:
        status: SizeStatus = "unexplained" if reason else "match"
    else:
        status = "documented mismatch" if reason else "unexplained"
    return SizeVerdict(row, status, ours, step, rule.variant, metric.count, reason or rule.note_of(row.metric))


def rounds_to(ours: float, published: float, step: float) -> bool:
    """Tell whether ``ours`` is ``published`` when rounded to multiples of ``step``, a half either way."""
    return abs(ours - published) <= step / 2 * (1 + 1e-9)


@cache
def counted(variant: str, count: str, block: str) -> tuple[float, float]:
    """Return a convention's counts of the dense and of the compressed network of a variant."""
    known = _kept_counts().get(_key(variant, count, block))
    return (known[0], known[1]) if known else CONVENTIONS[count](_network(variant, block))


@cache
def _kept_counts() -> dict[str, list[float]]:
    """Return the counts that the rules ask for, without any network where they have been counted before."""
    if METHODS in sys.modules:
        return {}
    return kept("published", METHODS, _count_all, data=lambda: [*FOLDER.glob("*.yaml"), *map(rules_file, PAPERS)])


def _count_all() -> dict[str, list[float]]:
    asked = {
        (rule.variant, metric.count, part.block)
        for paper in PAPERS
        for part in load_rules(paper).parts
        for rule in part.rows
        for metric in part.metrics.values()
        if rule.variant
    }
    return {_key(*one): list(CONVENTIONS[one[1]](_network(one[0], one[2]))) for one in sorted(asked)}


def _key(variant: str, count: str, block: str) -> str:
    return " ".join((variant, count, block))


@cache
def _network(variant: str, block: str) -> Network:
    from ...planning.variants import plan_variant

    return Network(*plan_variant(variant), block)
