"""Tables in LaTeX, with the lines of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .table import TextTable, one_line, total_width

NEEDS = r"% needs \usepackage{booktabs,graphicx}"
#: Characters that a line of a page in one column holds.
LINE = 90
#: Signs that LaTeX reads as its own, and signs that its fonts have by another name.
SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "-": "-{}",  # only before another one: two would become a dash
    "[": "{[}",  # an optional argument, at the begin of a row
    "]": "{]}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "–": "--",
    "…": r"\dots{}",
    "→": r"$\to$",
    "↓": r"$\downarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "χ": r"$\chi$",
    "α": r"$\alpha$",
    "²": r"$^2$",
}
_SPECIAL = re.compile("|".join("-(?=-)" if sign == "-" else re.escape(sign) for sign in SIGNS))


def escape(text: str) -> str:
    """Return a text such that LaTeX prints it as it is, in one line."""
    return _SPECIAL.sub(lambda match: SIGNS[match[0]], one_line(text))


def text_tables_to_latex(tables: Iterable[TextTable]) -> str:
    """Return tables in LaTeX: all columns, meanings and footnotes; a table wider than a line is shrunk to it.

    They need the packages booktabs and graphicx.
    """
    return "\n\n".join([NEEDS, *map(_table, tables)]) + "\n"


def _table(table: TextTable) -> str:
    wide = total_width(table.widths()) > LINE
    lines = [
        r"\begin{table*}",
        *([rf"\caption{{{escape(table.heading)}}}"] if table.heading else []),
        *([r"\resizebox{\linewidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{{''.join('r' if column.number else 'l' for column in table.columns)}}}",
        r"\toprule",
        _row(escape(column.heading) for column in table.columns),
        r"\midrule",
    ]
    for place in range(len(table.groups)):
        lines.append(_row(_cell(column.cells[place], place in column.bold) for column in table.columns))
        if table.ends_group(place):
            lines.append(r"\midrule")
    lines += [r"\bottomrule", r"\end{tabular}" + ("}" if wide else "")]
    below = [table.legend, *(f"{number}) {note}" for number, note in enumerate(table.footnotes, start=1))]
    lines += [rf"\par\smallskip\footnotesize {escape(text)}" for text in below if text]
    return "\n".join([*lines, r"\end{table*}"])


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(text: str, bold: bool) -> str:
    return rf"\textbf{{{escape(text)}}}" if bold and text else escape(text)
