"""Values as JSON: texts come back as they were, and no number is one that JSON lacks."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decompbench.bench.reports.text.json import to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert json.loads(to_json(value), parse_constant=pytest.fail) == value


def test_numbers_that_are_not_finite_are_null():
    value = {"a": math.inf, "b": [math.nan, (1.0, -math.inf)], 3: Path("x")}
    assert json.loads(to_json(value)) == {"a": None, "b": [None, [1.0, None]], "3": "x"}


def test_signs_are_readable_and_the_text_ends_its_line():
    assert to_json({"a": "3×3 | <b>"}) == '{\n  "a": "3×3 | <b>"\n}\n'
