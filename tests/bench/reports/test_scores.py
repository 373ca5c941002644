"""Scores that may be infinite: means, spreads and differences are never NaN."""

import itertools
import json
import math

import pytest

from decompbench.bench.reports.scores import difference, known, mean_score, scores_to_json, spread
from decompbench.bench.reports.text.table import number, signed

VALUES = (None, math.nan, -math.inf, -1.0, 0.0, 2.5, math.inf)


@pytest.mark.parametrize("values", [*itertools.combinations_with_replacement(VALUES, 3)])
def test_nothing_becomes_nan(values):
    average, deviation = mean_score(values), spread(known(values))
    assert average is None or not math.isnan(average)
    assert deviation is None or deviation >= 0
    for one, other in itertools.product(known(values), repeat=2):
        assert not math.isnan(difference(one, other))
    json.dumps(scores_to_json({"a": [one for one in values if one is None or one == one]}), allow_nan=False)


def test_means_and_spreads():
    assert mean_score([1.0, None, 3.0]) == 2
    assert mean_score([1.0, math.inf]) == math.inf
    assert mean_score([-math.inf, math.inf]) is None
    assert mean_score([]) is None
    assert spread([math.inf, math.inf]) == 0
    assert spread([math.inf, 1.0]) is None
    assert spread([1.0]) is None
    assert spread([1.0, 3.0]) == pytest.approx(math.sqrt(2))
    assert difference(math.inf, math.inf) == 0
    assert difference(40.0, math.inf) == -math.inf


def test_texts():
    assert [number(value, 1) for value in (math.inf, -math.inf, 1234.56, None)] == ["∞", "-∞", "1,234.6", ""]
    assert [signed(value, 1) for value in (math.inf, -math.inf, 0.0, 1.0, -1.0)] == ["+∞", "-∞", "+0.0", "+1.0", "-1.0"]
    assert scores_to_json({"a": (math.inf, -math.inf, 1.5, "x", None)}) == {
        "a": ["Infinity", "-Infinity", 1.5, "x", None]
    }
