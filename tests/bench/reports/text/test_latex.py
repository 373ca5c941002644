"""Tables in LaTeX: no sign that LaTeX would read as its own, and every brace and environment closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decompbench.bench.reports.text.latex import escape, text_tables_to_latex
from decompbench.bench.reports.text.table import TextColumn, TextTable

from ...factories import SPECIAL, check_latex


def test_special_signs_are_escaped():
    assert escape(r"30 % & a_b #1 {x} \y ~ ^2 $5") == (
        r"30 \% \& a\_b \#1 \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{}2 \$5"
    )
    assert escape("1.0 ±0.1, 3×3, l–h, A → B ↓") == (r"1.0 $\pm$0.1, 3$\times$3, l--h, A $\to$ B $\downarrow$")
    assert escape("[0.4, 0.6]") == "{[}0.4, 0.6{]}"
    assert escape("a\n`b` --set -0.5 <c>|") == (
        r"a \textasciigrave{}b\textasciigrave{} -{}-set -0.5 \textless{}c\textgreater{}\textbar{}"
    )
    assert escape("---") == "-{}-{}-"
    assert escape("=1+1") == "=1+1"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=30))
def test_nothing_of_a_text_is_left_that_latex_would_read(text):
    assert not SPECIAL.search(escape(text).replace(r"\\", ""))
    check_latex(text_tables_to_latex([table([text, text], title=text)]))


def table(cells, title="t", **options):
    columns = [
        TextColumn("method", cells, number=False, meaning="m: 30 % of_it."),
        TextColumn("%", ["1", "2"], **options),
    ]
    return TextTable(title, columns, ["a", "b"], ["a note & more"])


def test_bold_groups_and_notes():
    text = text_tables_to_latex([table(["x_1", "y"], bold=frozenset({1}))])
    check_latex(text)
    assert r"x\_1 & 1 \\" in text
    assert r"y & \textbf{2} \\" in text
    assert text.count(r"\midrule") == 2  # below the heading, and between the two groups
    assert r"1) a note \& more" in text
    assert r"m: 30 \% of\_it." in text
    assert "resizebox" not in text


@pytest.mark.parametrize("count", [1, 3])
def test_a_wide_table_is_shrunk_to_a_line(count):
    wide = TextTable("t", [TextColumn("x" * 50, ["1"])] * count, ["a"], [])
    text = text_tables_to_latex([wide])
    check_latex(text)
    assert (r"\resizebox{\linewidth}{!}{%" in text) == (count == 3)
