"""Tables on a terminal: no text controls it, is read as markup, or breaks a line of the table."""

import io

import pytest
from rich.console import Console

from decompbench.bench.reports.text.table import TextColumn, TextTable, one_line
from decompbench.bench.reports.text.terminal import print_folded, print_line, print_text_tables

HOSTILE = "[red]a[/red] | `b` <c> \\ =1\nd\x1b[2J\x9b1A\u202ee"
SHOWN = "[red]a[/red] | `b` <c> \\ =1 d�[2J�1A�e"


def printed(write):
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None, legacy_windows=False)
    write(console)
    return console.file.getvalue()


def table(cell):
    columns = [TextColumn(cell, [cell], number=False, meaning=cell), TextColumn("n", ["1"])]
    return TextTable(cell, columns, [""], [cell], caption=cell)


@pytest.mark.parametrize("write", [lambda one, console: print_text_tables([one], console), print_folded])
def test_texts_are_printed_as_they_are_in_one_line(write):
    text = printed(lambda console: write(table(HOSTILE), console))
    assert not set(text) & set("\x1b\x9b\u202e")
    assert f"{SHOWN}: {SHOWN}" in text
    (row,) = [line for line in text.splitlines() if line.rstrip().endswith(" 1")]
    assert row.startswith(SHOWN)


def test_sentences_are_printed_as_they_are():
    assert printed(lambda console: print_line(HOSTILE, console)) == f"{SHOWN}\n"


def test_a_width_counts_what_is_shown():
    assert TextColumn("a", ["x\ny", "\x1b"]).width == 3
    assert one_line("  a\t b \n") == "a b"


def test_a_table_without_a_title_begins_with_its_headings():
    text = printed(lambda console: print_text_tables([TextTable("", table("a").columns, [""], [])], console))
    assert text.split()[:2] == ["a", "n"]
