"""Tables in Markdown: every text is shown as it is, in one line, and numbers and names are not cluttered."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decompbench.bench.reports.text.markdown import bullets, code, escape, paragraph, text_tables_to_markdown
from decompbench.bench.reports.text.table import TextColumn, TextTable


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("a\nb\r\n\tc", "a b c"),
        ("a <b> & c", "a &lt;b> & c"),
        ("&lt;", "&amp;lt;"),
        ("&#60;", r"&\#60;"),
        ("a\\", "a\\\\"),
        ("\\|", "\\\\\\|"),
        ("`x`", r"\`x\`"),
        ("*a* _b_ __c__", r"\*a\* \_b\_ \_\_c\_\_"),
        ("~~a~~", r"\~\~a\~\~"),
        ("[a](b) ![c][d] [^1]", r"\[a\](b) !\[c\][d] \[^1]"),
        ("#12 @team $x$", r"\#12 @&#8203;team \$x\$"),
        ("=1+1", "=1+1"),
        ("\x1b[31mred\x07", "�[31mred�"),
    ],
)
def test_signs_that_are_markup_are_escaped(text, written):
    assert escape(text) == written


@pytest.mark.parametrize("text", ["0.98 [0.97, 1.01]", "psnr_y[Set14] dB", "group_size 15–16", "±0.1 → 3×3, -> a"])
def test_numbers_and_names_stay_as_they_are(text):
    assert escape(text) == text


@pytest.mark.parametrize("text", ["# a", "> a", "- a", "+ a", "1. a", "12) a", "[ ] a", "[a]: b"])
def test_nothing_opens_a_block_at_the_start_of_a_line(text):
    assert not re.match(r"(#|>|[-+*] |\d+[.)] |\[)", paragraph(text))
    assert bullets([text]) == f"* {paragraph(text)}"
    assert paragraph(text).replace("\\", "") == text


def test_code_shows_backticks():
    assert code("a b") == "`a b`"
    assert code("a `` b") == "``` a `` b ```"


@given(st.text(max_size=30), st.booleans())
def test_a_row_is_a_line_with_as_many_cells_as_the_heading(text, bold):
    columns = [TextColumn(text, [text], bold=frozenset({0} if bold else ())), TextColumn("b", ["1"])]
    lines = text_tables_to_markdown([TextTable("", columns, [""], [])]).split("\n")
    assert len(lines) == 3 + 1
    cells = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[:3]]
    assert cells == [3, 3, 3]


def test_title_caption_meanings_and_footnotes_stand_around_the_table():
    column = TextColumn("x", ["1\n2|<i>"], meaning="if <u>", bold=frozenset({0}))
    table = TextTable("a <b>", [column], [""], ["see\n<script>"], caption="1 match")
    assert text_tables_to_markdown([table]).splitlines() == [
        "**a &lt;b>**: 1 match", "", "| x |", "| ---: |", "| **1 2\\|&lt;i>** |", "",
        "*if &lt;u>*", "", "1) see &lt;script>  ",
    ]  # fmt: skip
