"""A comparison on a terminal, or in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .findings import RecordsComparison
from .tables import HEADINGS, SAME_HEADINGS, SECTIONS, Part, legend, same_rows, section

STYLES = {"regression": "red", "improvement": "green", "changed": "yellow"}


def print_comparison(comparison: RecordsComparison, console: Console, *, everything: bool = False) -> None:
    """Print what changed, the worst first.

    Parameters
    ----------
    comparison
        From :func:`.compare.judge.compare`.
    console
        Where to; texts are folded to its width.
    everything
        Print the rows that are the same, too.
    """
    console.print(Text(f"A: {comparison.source_a}\nB: {comparison.source_b}", style="dim"))
    for note in comparison.notes:
        console.print(Text(note))
    for verdict, heading in SECTIONS:
        _print_section(heading, section(comparison, verdict), HEADINGS, STYLES[verdict], console)
    if everything:
        _print_section("Unchanged", same_rows(comparison), SAME_HEADINGS, "", console)
    console.print()
    for rule in legend(comparison):
        console.print(Text(rule, style="dim"))
    console.print(Text(comparison.summary(), style="bold"))
    if comparison.same and not everything and console.is_terminal:
        console.print(Text("--all shows what is unchanged", style="dim"))


def _print_section(heading: str, parts: Sequence[Part], headings: Sequence[str], style: str, console: Console) -> None:
    if parts:
        console.print()
        console.print(Text(heading, style=f"bold {style}"))
    for part in parts:
        console.print(Text(part.title, style="bold"))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
        for name in headings:
            table.add_column(name, overflow="fold", justify="right" if name in ("A", "B") else "left")
        for cells in part.lines:
            table.add_row(*map(Text, cells))
        console.print(table)
