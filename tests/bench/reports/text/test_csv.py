"""Values as CSV: what is read is what was written, and no text is a formula."""

import csv
import io
import re

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decompbench.bench.reports.text.csv import arrow_to_csv, rows_to_csv

HOSTILE = ["a|b", "a\nb", "<b>", "a\\", "`x`", 'say "x", y', ""]


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_come_back_as_they_were(text):
    assert read(rows_to_csv([{"a": text, "b": 1}])) == [{"a": text, "b": "1"}]
    assert read(arrow_to_csv(pa.table({"a": [text], "b": [1]})).decode()) == [{"a": text, "b": "1"}]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@x", "\t=x", "\r=x"])
def test_a_formula_is_a_text(text):
    assert read(rows_to_csv([{"a": text, "b": -1.5}])) == [{"a": f"'{text}".replace("\r", "\n"), "b": "-1.5"}]
    assert read(arrow_to_csv(pa.table({"a": [text], "b": [-1.5]})).decode()) == [{"a": f"'{text}", "b": "-1.5"}]
    assert read(rows_to_csv([{"a": text}], guard=False)) == [{"a": text.replace("\r", "\n")}]


def test_mappings_are_json_and_lists_are_joined():
    rows = [{"knob": {"b": 1, "a": [2]}, "notes": ["x", "y"]}, {"knob": None, "notes": []}]
    assert read(rows_to_csv(rows)) == [{"knob": '{"a": [2], "b": 1}', "notes": "x; y"}, {"knob": "", "notes": ""}]


def test_numbers_are_written_unrounded_and_keep_their_kind():
    frame = pd.DataFrame({"count": [3, None], "share": [1 / 3, 0.1]}, dtype=object)
    assert read(rows_to_csv(frame)) == [{"count": "3", "share": repr(1 / 3)}, {"count": "", "share": "0.1"}]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_is_one_cell(text):
    lines = io.StringIO(rows_to_csv([{"a": text, "b": "x"}], guard=False), newline="")
    assert list(csv.reader(lines)) == [["a", "b"], ["\n".join(re.split("\r\n|\r|\n", text)), "x"]]
