"""A comparison on a terminal, and in Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ...base.text import counted
from ..text import markdown
from ..text.table import TextTable
from ..text.terminal import print_folded, print_line
from .findings import RecordsComparison
from .tables import SECTIONS, legend, same_rows, section

STYLES = {"regression": "red", "improvement": "green", "changed": "yellow"}
#: Lines of a section, so that the text fits into a comment (65,536 characters on GitHub).
LINES_SHOWN = 100


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
    print_line(f"A: {comparison.source_a}", console, "dim")
    print_line(f"B: {comparison.source_b}", console, "dim")
    for note in comparison.notes:
        print_line(note, console)
    for verdict, heading in SECTIONS:
        _print_section(heading, section(comparison, verdict), STYLES[verdict], console)
    if everything:
        _print_section("Unchanged", same_rows(comparison), "", console)
    console.print()
    for rule in legend(comparison):
        print_line(rule, console, "dim")
    print_line(comparison.summary(), console, "bold")
    if comparison.same and not everything and console.is_terminal:
        print_line("--all shows what is unchanged", console, "dim")


def to_markdown(comparison: RecordsComparison, *, everything: bool = False) -> str:
    """Return the summary line, then regressions, improvements and other changes; what is unchanged is folded.

    Parameters
    ----------
    comparison
        From :func:`.compare.judge.compare`.
    everything
        All lines of every section, however many.
    """
    limit = None if everything else LINES_SHOWN
    headline, summary = comparison.headline(), comparison.summary()
    parts = [
        f"**{headline[0].upper()}{headline[1:]}**{summary.removeprefix(headline)}.",
        f"A: {markdown.escape(comparison.source_a)}; B: {markdown.escape(comparison.source_b)}.",
    ]
    if comparison.notes:
        parts.append(markdown.bullets(comparison.notes))
    for verdict, heading in SECTIONS:
        if found := section(comparison, verdict, limit):
            parts += [f"### {heading}", *map(markdown.markdown_table, found)]
            parts += _more(sum(1 for _ in comparison.of(verdict)), limit)
    if rules := legend(comparison):
        parts.append(markdown.remarks(rules))
    if comparison.same:
        rows = len(comparison.same)
        shown = [*map(markdown.markdown_table, same_rows(comparison, limit)), *_more(rows, limit)]
        parts += markdown.folded(f"{counted(rows, 'row')} unchanged", shown)
    return markdown.document(parts)


def _print_section(heading: str, tables: Sequence[TextTable], style: str, console: Console) -> None:
    if tables:
        console.print()
        console.print(Text(heading, style=f"bold {style}"))
    for table in tables:
        print_folded(table, console)


def _more(found: int, limit: int | None) -> list[str]:
    if limit is None or found <= limit:
        return []
    return [f"… and {found - limit:,} more: `decompbench compare --all` shows them."]
