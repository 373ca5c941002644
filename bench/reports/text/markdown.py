"""Tables and the text around them in Markdown, as GitHub reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .table import TextTable, one_line

#: Signs that are markup wherever they stand; ``|`` ends a cell, ``#`` with a number is a link to an issue.
ALWAYS = re.compile(r"[\\`*~|#$]")
#: Signs that are markup in some places only: a number such as 0.98 [0.97, 1.01] and a name such as psnr_y stay as they
#: are. In this order: an underscore at the edge of a word, the brackets of a link or footnote.
SOMETIMES = re.compile(r"(?<![^\W_])_|_(?![^\W_])|\[(?=[^\]]*\][(\[])|\](?=[(\[])|\[(?=\^)")
#: What begins a quotation, a list or a definition at the start of a line.
OPENING = re.compile(r"^(\d+)(?=[.)](?:\s|$))|^(?=[>+\-\[])")


def escape(text: str) -> str:
    """Return a text such that Markdown shows it as it is, in one line: no cell, tag, emphasis, link or mention."""
    escaped = SOMETIMES.sub(r"\\\g<0>", ALWAYS.sub(r"\\\g<0>", one_line(text)))
    escaped = re.sub(r"&(?=#?\w+;)", "&amp;", escaped).replace("<", "&lt;")
    return re.sub(r"@(?=\w)", "@&#8203;", escaped)  # a space of no width: nobody is notified


def paragraph(text: str) -> str:
    """Return a text as what a line begins with, such as an item of a list or a footnote: nothing opens a block."""
    return OPENING.sub(lambda match: f"{match[1] or ''}\\", escape(text))


def code(text: str) -> str:
    """Return a text as code within a line, which shows every sign as it is."""
    flat = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def bullets(texts: Iterable[str]) -> str:
    """Return a list of texts, an item each."""
    return "\n".join(f"* {paragraph(text)}" for text in texts)


def remarks(texts: Iterable[str]) -> str:
    """Return texts in italics, a line each."""
    return "\n".join(f"*{escape(text)}*  " for text in texts)


def folded(summary: str, parts: Iterable[str]) -> list[str]:
    """Return parts of a document that a reader has to unfold."""
    return [f"<details><summary>{escape(summary)}</summary>", *parts, "</details>"]


def document(parts: Iterable[str]) -> str:
    """Return the text of a file: parts with an empty line between them."""
    return "\n\n".join(parts) + "\n"


def text_tables_to_markdown(tables: Iterable[TextTable]) -> str:
    """Return tables in Markdown: all columns."""
    return document(map(markdown_table, tables))


def markdown_table(text: TextTable) -> str:
    """Return one table in Markdown, with its title above, and its meanings and footnotes below."""
    lines = []
    if text.title:
        lines += [f"**{escape(text.title)}**" + (f": {escape(text.caption)}" if text.caption else ""), ""]
    lines.append(_row([escape(column.heading) for column in text.columns]))
    lines.append(_row(["---:" if column.number else "---" for column in text.columns]))
    for place in range(len(text.groups)):
        lines.append(_row([_cell(column.cells[place], place in column.bold) for column in text.columns]))
    if text.legend:
        lines += ["", f"*{escape(text.legend)}*"]
    if text.footnotes:
        lines += ["", *(f"{number}) {paragraph(note)}  " for number, note in enumerate(text.footnotes, start=1))]
    return "\n".join(lines)


def _cell(text: str, bold: bool) -> str:
    return f"**{escape(text)}**" if bold and text else escape(text)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
