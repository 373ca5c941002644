"""Filters and orders of the leaderboard's rows."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from ....common.names import suggestion
from ...base.errors import BenchError
from .leaders import TABLE_KEYS, mark_leaders

#: Columns that hold more than one value and can be neither compared nor sorted.
COMPOUND = ("settings", "knob", "notes", "final_by_seed")
#: Columns of fractions: 80 % is compared as 0.8.
FRACTION = re.compile(r"latency_.+_(?:ratio|low|high|confidence)")
#: Columns in %: shares, and qualities, which are in % as a rule.
IN_PERCENT = re.compile(r".+_percent|final|final .+|final_sd|drop|trained|deployed|(?:before|after)_decomposition")
#: How many of a column's values an error names.
NAMED = 12
#: Conditions that errors show.
EXAMPLES = "method=tucker2, model=resnet*, budget=params=30% or conv_weights_percent<40"
PATTERN = re.compile(r"\s*(?P<column>.+?)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": lambda own, wanted: math.isclose(own, wanted, rel_tol=1e-9),
    "!=": lambda own, wanted: not math.isclose(own, wanted, rel_tol=1e-9),
}


@dataclass(frozen=True)
class RowFilter:
    """A condition on one column: ``method=tucker2``, ``conv_weights_percent<40``.

    Attributes
    ----------
    column, sign, value
        Texts are compared by ``=`` and ``!=``, with wildcards; numbers by all signs. A row without a value meets no
        condition. A number may be in %: ``latency_b1_ratio<80%`` is ``latency_b1_ratio<0.8``.
    """

    column: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.sign}{self.value}"

    def matches(self, frame: pd.DataFrame) -> pd.Series:
        """Tell of each row whether it meets the condition.

        Raises
        ------
        BenchError
            There is no such column, or it cannot be compared so.
        """
        values = list(frame[check_column(self.column, frame)])
        test = self._test_text() if _is_text(values) else self._test_number()
        return pd.Series([test(value) for value in values], index=frame.index, dtype=bool)

    def _test_text(self) -> Callable[[Any], bool]:
        if self.sign not in ("=", "!="):
            raise BenchError(f"filter '{self}': {self.column} is a text, which has = and != only")
        equal = self.sign == "="
        return lambda own: isinstance(own, str) and (own == self.value or fnmatchcase(own, self.value)) == equal

    def _test_number(self) -> Callable[[Any], bool]:
        try:
            wanted = float(self.value.removesuffix("%"))
        except ValueError:
            raise BenchError(f"filter '{self}': {self.column} is a number, '{self.value}' is none") from None
        if self.value.endswith("%"):
            wanted /= self._percent()
        compare = ORDERS[self.sign]
        return lambda own: not pd.isna(own) and compare(float(own), wanted)

    def _percent(self) -> float:
        """Return the divisor that makes a number in % one of the column."""
        if FRACTION.fullmatch(self.column):
            return 100.0
        if IN_PERCENT.fullmatch(self.column):
            return 1.0
        raise BenchError(f"filter '{self}': {self.column} is not in %, give a number without it")


def parse_filter(text: str) -> RowFilter:
    """Return the condition that a text names.

    Raises
    ------
    BenchError
        The text is not like ``COLUMN=VALUE``.
    """
    match = PATTERN.fullmatch(text)
    if match is None or not match["value"]:
        raise BenchError(f"filter '{text}': must be like {EXAMPLES}")
    return RowFilter(match["column"], match["sign"], match["value"])


def filter_rows(frame: pd.DataFrame, filters: Iterable[RowFilter]) -> pd.DataFrame:
    """Return the rows that meet every condition; in each table that has one the dense row stays, too.

    Who leads is found anew among the rows that stay.

    Raises
    ------
    BenchError
        A condition cannot be used, or none of the rows meets all of them.
    """
    kept = pd.Series(True, index=frame.index)
    for one in filters:
        matching = one.matches(frame)
        if not (kept & matching).any():
            raise BenchError(f"filter '{one}' leaves no row{_values_of(one.column, frame.loc[kept])}")
        kept &= matching
    having = kept.groupby([frame[key] for key in TABLE_KEYS]).transform("any")
    return mark_leaders(frame.loc[kept | ((frame["kind"] == "none") & having)].reset_index(drop=True))


def sort_rows(frame: pd.DataFrame, order: str) -> pd.DataFrame:
    """Return the rows of each table in another order, the dense one first and those without a value last.

    Parameters
    ----------
    frame
        The leaderboard.
    order
        A column, from small to large, or ``COLUMN:desc``.

    Raises
    ------
    BenchError
        There is no such column, or it cannot be sorted.
    """
    column, _, direction = order.rpartition(":")
    if not column:
        column, direction = order, "asc"
    if direction not in ("asc", "desc"):
        raise BenchError(f"sort '{order}': a column, or COLUMN:desc; '{direction}' is neither asc nor desc")
    check_column(column, frame)
    parts = []
    for _, part in frame.groupby(TABLE_KEYS, sort=False):
        dense = part["kind"] == "none"
        rest = part.loc[~dense].sort_values(by=column, ascending=direction == "asc", kind="stable", na_position="last")
        parts += [part.loc[dense], rest]
    return pd.concat(parts, ignore_index=True)


def check_column(name: str, frame: pd.DataFrame) -> str:
    """Return the name of a column that can be compared.

    Raises
    ------
    BenchError
        There is none, or it holds more than one value.
    """
    known = [column for column in frame.columns if column not in COMPOUND]
    if name in COMPOUND:
        raise BenchError(f"column '{name}' holds several values, which have no order")
    if name == "quality" or name in set(frame["metric"]):
        raise BenchError(f"no column '{name}': the main metric of every table is in the column 'final'")
    if name not in known:
        raise BenchError(f"no column '{name}'{suggestion(name, known)}; --format csv shows all there are")
    return name


def _is_text(values: Iterable[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


def _values_of(column: str, frame: pd.DataFrame) -> str:
    """Return the values of a column, for an error message."""
    values = [value for value in frame[column] if value != "" and not pd.isna(value)]
    if not values:
        return f": no row has a {column}"
    if not _is_text(values):
        return f": {column} is between {min(values):g} and {max(values):g}"
    known = sorted(set(values))
    return f": {column} is {', '.join(known[:NAMED])}{', …' if len(known) > NAMED else ''}"
