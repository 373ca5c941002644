"""Changes between two sets of asv's results: of counts to the unit, of times and memory by asv's own statistics."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from asv.benchmarks import Benchmarks
from asv.commands.compare import Compare, unroll_result
from asv.config import Config
from asv.results import Results, iter_results_for_machine_and_hash

TOLERANCES = {"%": 1.0}
"""By unit, how much a tracked value may grow; every other unit is one of exact counts, which may not change at all."""

Name = tuple[str, str]
"""Environment, and benchmark with its parameters."""
Rows = list[tuple[Any, ...]]
"""Results as asv's comparison takes them, the benchmark's name first."""


@dataclass(frozen=True)
class Value:
    """One result; ``number`` is None where the benchmark failed and nan where it was skipped."""

    number: float | None
    version: str | None
    kind: str
    unit: str

    @property
    def failed(self) -> bool:
        """Whether the benchmark ended with an error."""
        return self.number is None

    @property
    def skipped(self) -> bool:
        """Whether there was nothing to measure."""
        return self.number is not None and math.isnan(self.number)

    def __str__(self) -> str:
        if self.number is None or self.skipped:
            return "failed" if self.failed else "skipped"
        digits = f"{self.number:,.2f}" if self.unit in TOLERANCES else f"{self.number:,.10g}"
        return f"{digits} {self.unit}"


@dataclass(frozen=True)
class Change:
    """What is said of one benchmark, and whether the comparison fails for it."""

    name: str
    before: Value
    after: Value
    what: str
    fails: bool

    def __str__(self) -> str:
        return f"{'FAIL' if self.fails else 'note'}  {self.name}: {self.what}: {self.before} -> {self.after}"


def results_of(conf: Config, machine: str, commit: str) -> list[Results]:
    """Return the results of one commit on one machine, one for each environment."""
    return list(iter_results_for_machine_and_hash(conf.results_dir, machine, commit))


def values_of(benchmarks: Benchmarks, results: list[Results]) -> dict[Name, Value]:
    """Return the results of the chosen ``benchmarks``, each parameter combination by itself."""
    return {name: value for result in results for name, value in _values(benchmarks, result)}


def _values(benchmarks: Benchmarks, result: Results) -> Iterator[tuple[Name, Value]]:
    for key, benchmark in benchmarks.items():
        if key not in result.get_all_result_keys():
            continue
        numbers = result.get_result_value(key, benchmark["params"])
        version = result.benchmark_version.get(key)
        chosen = benchmarks.benchmark_selection.get(key)
        for index, parameters in enumerate(product(*benchmark["params"])):
            if chosen is None or index in chosen:
                name = f"{key}({', '.join(parameters)})" if parameters else key
                value = Value(numbers[index], version, benchmark["type"], benchmark["unit"])
                yield (result.env_name, name), value


def changes(base: Mapping[Name, Value], head: Mapping[Name, Value]) -> list[Change]:
    """Compare what both revisions have, and return what is worth a line; times are left to `slower`."""
    found = [
        Change(name[1], base[name], after, *said)
        for name, after in sorted(head.items())
        if name in base and (said := judge(base[name], after)) is not None
    ]
    return sorted(found, key=lambda change: not change.fails)


def judge(before: Value, after: Value) -> tuple[str, bool] | None:
    """Return what is to be said of a pair of results, and whether it is a failure; None where nothing is."""
    if after.failed:
        return "fails", True
    if before.version != after.version:
        return "not comparable, the benchmark has another version", False
    if before.failed:
        return "not comparable, it failed before", False
    if before.skipped and not after.skipped:
        return "is new", False
    if after.skipped:
        return None if before.skipped else ("is skipped now", True)
    if after.kind != "track" or before.number == after.number:
        return None
    assert before.number is not None  # a failure was told above
    assert after.number is not None
    tolerance = TOLERANCES.get(after.unit)
    if tolerance is None:
        return "an exact count changed", True
    grown = after.number - before.number
    return f"changed by {grown:+.2f} (tolerance {tolerance:g})", grown > tolerance


def slower(
    conf: Config, benchmarks: Benchmarks, commits: tuple[str, str], results: tuple[list[Results], list[Results]],
    factor: float,
) -> list[str]:  # fmt: skip
    """Print asv's comparison of times and memory, and return what asv finds worse, each parameter by itself.

    A time is worse if it grew by more than ``factor`` and asv's test of the samples (Mann-Whitney U at 0.002, or 99 %
    intervals that do not overlap) says that the two differ; memory, of which there is one sample, by ``factor`` alone.
    """
    before, after = (list(_rows(benchmarks, one)) for one in results)
    if not before or not after or not _is_worse(conf, commits, before, after, factor):
        return []
    first, second = _by_name(before), _by_name(after)
    with contextlib.redirect_stdout(io.StringIO()):  # the whole table is printed by now
        return [
            name
            for name in sorted(first.keys() & second.keys())
            if _is_worse(conf, commits, first[name], second[name], factor)
        ]


def _by_name(rows: Rows) -> dict[str, Rows]:
    """Return the results of each benchmark with its parameters, as if these were part of its name."""
    found: dict[str, Rows] = {}
    for key, params, value, stats, samples, *rest in rows:
        for name, *one in unroll_result(key, params, value, stats, samples):
            found.setdefault(name, []).append((name, [], *([each] for each in one), *rest))
    return found


def _is_worse(conf: Config, commits: tuple[str, str], before: Rows, after: Rows, factor: float) -> bool:
    """Print asv's comparison of some benchmarks, and return whether it finds any worse."""
    worse, _ = Compare.print_table(
        conf, *commits, factor=factor, split=True, resultset_1=iter(before), resultset_2=iter(after)
    )
    return worse


def _rows(benchmarks: Benchmarks, results: list[Results]) -> Iterator[tuple[Any, ...]]:
    """Yield results that are no tracked values as asv's comparison takes them."""
    for result in results:
        for key, benchmark in benchmarks.items():
            if benchmark["type"] == "track" or key not in result.get_all_result_keys():
                continue
            params = _chosen_params(benchmarks, key)
            values = (result.get_result_value, result.get_result_stats, result.get_result_samples)
            version = result.benchmark_version.get(key)
            machine = result.params["machine"]
            yield key, params, *(value(key, params) for value in values), version, machine, result.env_name


def _chosen_params(benchmarks: Benchmarks, key: str) -> list[list[str]]:
    """Return the parameters of a benchmark; of a single one those that were asked for."""
    params = benchmarks[key]["params"]
    chosen = benchmarks.benchmark_selection.get(key)
    return [[params[0][index] for index in chosen]] if len(params) == 1 and chosen is not None else params
