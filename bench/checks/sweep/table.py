"""The tables of a sweep: models by methods, why convolutions were left alone, and what failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console

from ...reports.text import markdown
from ...reports.text.table import TextColumn, TextTable
from ...reports.text.terminal import print_line, print_text_tables
from .outcome import MethodOutcome, ModelOutcome

LEGEND = (
    "A cell is: layers compressed of all (convolutions; with --layers conv+linear, linear layers, too), their weights "
    "and the MACs of all matrix products in % of the dense model's. – means that every layer was left alone, each with "
    "a reason."
)


def columns(outcomes: Sequence[ModelOutcome]) -> list[str]:
    """Return the headings of `rows`."""
    return ["model", "family", "input", "convs", "weights", "MACs", *_methods(outcomes)]


def rows(outcomes: Sequence[ModelOutcome]) -> list[dict[str, str]]:
    """Return one row a model, texts by heading."""
    table = []
    for outcome in outcomes:
        cells = {one.method: _cell(one, outcome.convs) for one in outcome.methods}
        table.append(
            {
                "model": outcome.model,
                "family": outcome.family,
                "input": f"{outcome.size}" if outcome.size else "",
                "convs": f"{outcome.convs}" if outcome.convs else "",
                "weights": f"{outcome.weights / 1e6:.2f} M" if outcome.weights else "",
                "MACs": f"{outcome.macs / 1e6:.1f} M" if outcome.macs else "",
            }
            | {method: cells.get(method, "failed" if outcome.message else "") for method in _methods(outcomes)}
        )
    return table


def reasons(outcomes: Sequence[ModelOutcome]) -> list[dict[str, str]]:
    """Return for each method why it left convolutions alone, how many and in how many models, most frequent first.

    Numbers within a reason are shown as N.
    """
    table = []
    for method in _methods(outcomes):
        layers: Counter[str] = Counter()
        models: Counter[str] = Counter()
        for outcome in outcomes:
            for one in outcome.methods:
                if one.method == method:
                    here = _without_numbers(one.reasons)
                    layers.update(here)
                    models.update(here.keys())
        table += [
            {"method": method, "reason": reason, "convs": f"{count:,}", "models": f"{models[reason]}"}
            for reason, count in layers.most_common()
        ]
    return table


def failures(outcomes: Sequence[ModelOutcome]) -> list[dict[str, str]]:
    """Return one row for each failure."""
    return [
        {"model": outcome.model, "method": method or "(dense)", "message": message}
        for outcome in outcomes
        for method, message in outcome.failures()
    ]


def summary(outcomes: Sequence[ModelOutcome]) -> str:
    """Return how many pairs of model and method were checked, and how many failed, in a sentence."""
    pairs = sum(len(outcome.methods) for outcome in outcomes)
    failed = len(failures(outcomes))
    touched = sum(one.compressed for outcome in outcomes for one in outcome.methods)
    skipped = sum(one.skipped for outcome in outcomes for one in outcome.methods)
    return (
        f"{len(outcomes)} models, {pairs} pairs of model and method, {failed} failed; "
        f"{touched:,} convolutions compressed, {skipped:,} left alone for a reason."
    )


def print_sweep(outcomes: Sequence[ModelOutcome], console: Console) -> None:
    """Print the table of models and methods, and what it comes to."""
    print_text_tables(
        [_table(rows(outcomes), columns(outcomes))], console, command="decompbench sweep --format markdown"
    )
    print_line(summary(outcomes), console)
    print_line(LEGEND, console)


def to_markdown(outcomes: Sequence[ModelOutcome], command: str, versions: Mapping[str, str | None]) -> str:
    """Return the whole outcome in Markdown.

    Parameters
    ----------
    outcomes
        Of the sweep.
    command
        The command line that made it.
    versions
        Of the code and of libraries.
    """
    parts = [
        "# Methods on timm's families",
        "One small model of each family, with fresh weights, at the smallest input it accepts; every method at its "
        "default settings but for those set in the command below. Of each pair is checked that the compressed model "
        "runs and its output has the dense model's shape, that its stored conv weights and its MACs, by two counters, "
        "equal the plan's formulas, and that every convolution left alone has a reason. Nothing here says how good a "
        "method is.",
        f"Written by {markdown.code(command)}, with "
        f"{markdown.escape(', '.join(f'{name} {version}' for name, version in versions.items()))}.",
        summary(outcomes),
        LEGEND,
        markdown.markdown_table(_table(rows(outcomes), columns(outcomes))),
        "## Why convolutions were left alone",
        markdown.markdown_table(_table(reasons(outcomes), ["method", "reason", "convs", "models"])),
    ]
    if failed := failures(outcomes):
        parts += ["## Failures", markdown.markdown_table(_table(failed, ["model", "method", "message"]))]
    return markdown.document(parts)


def _methods(outcomes: Sequence[ModelOutcome]) -> list[str]:
    return list(dict.fromkeys(one.method for outcome in outcomes for one in outcome.methods))


def _cell(one: MethodOutcome, convs: int) -> str:
    if one.status == "failed":
        return "failed"
    if not one.compressed:
        return "–"
    weights, macs = 100 * one.weights / one.dense_weights, 100 * one.macs / one.dense_macs
    return f"{one.compressed}/{convs}: {weights:.1f}, {macs:.1f}"


def _without_numbers(found: Mapping[str, int]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for reason, count in found.items():
        counted[re.sub(r"\d[\d,]*(?![×\d])", "N", reason) if "weights instead of" in reason else reason] += count
    return counted


def _table(lines: Sequence[Mapping[str, str]], names: Sequence[str]) -> TextTable:
    """Return a table; on a narrow terminal all columns but the first are left out, the last ones first."""
    columns = [
        TextColumn(name, [line[name] for line in lines], rank=place, number=False) for place, name in enumerate(names)
    ]
    return TextTable("", columns, [""] * len(lines), [])
