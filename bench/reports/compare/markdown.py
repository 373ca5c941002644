"""A comparison in Markdown, as a comment on a pull request has it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ...base.text import counted
from .findings import RecordsComparison
from .tables import HEADINGS, SAME_HEADINGS, SECTIONS, Part, legend, same_rows, section

#: Lines of a section, so that the text fits into a comment (65,536 characters on GitHub).
LINES_SHOWN = 100


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
        f"A: {escape(comparison.source_a)}; B: {escape(comparison.source_b)}.",
    ]
    if comparison.notes:
        parts.append("\n".join(f"* {escape(note)}" for note in comparison.notes))
    for verdict, heading in SECTIONS:
        found = section(comparison, verdict, limit)
        if found:
            parts += [f"### {heading}", *_tables(found, HEADINGS)]
            parts += _more(sum(1 for _ in comparison.of(verdict)), limit)
    if rules := legend(comparison):
        parts.append("\n".join(f"*{escape(rule)}*  " for rule in rules))
    if comparison.same:
        rows = len(comparison.same)
        parts.append(f"<details><summary>{counted(rows, 'row')} unchanged</summary>")
        parts += [*_tables(same_rows(comparison, limit), SAME_HEADINGS), *_more(rows, limit), "</details>"]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return ``text`` so that Markdown shows it as it is, in one line: no tag, cell, emphasis or mention."""
    flat = html.escape(" ".join(text.split()), quote=False)
    escaped = re.sub(r"([\\`*_\[\]~|#])", r"\\\1", flat)
    return escaped.replace("@", "@&#8203;")  # a space of no width: nobody is notified


def _tables(parts: Sequence[Part], headings: Sequence[str]) -> list[str]:
    texts = []
    for part in parts:
        rules = ["---:" if name in ("A", "B") else "---" for name in headings]
        lines = [_line(headings), _line(rules), *(_line([escape(cell) for cell in line]) for line in part.lines)]
        texts += [f"**{escape(part.title)}**", "\n".join(lines)]
    return texts


def _more(found: int, limit: int | None) -> list[str]:
    if limit is None or found <= limit:
        return []
    return [f"… and {found - limit:,} more: `decompbench compare --all` shows them."]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
