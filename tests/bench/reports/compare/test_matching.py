"""Rows of two sets: which records are compared with each other, and the notes on both sets."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decompbench.bench.base.errors import BenchError
from decompbench.bench.records.record import Provenance

from ...factories import latency
from .factories import compared, findings, with_machine


def test_a_set_and_itself_are_the_same(everything):
    comparison = compared(everything, everything)
    assert {row.verdict for row in comparison.rows} == {"same"}
    assert (len(comparison.rows), comparison.has_regression) == (3, False)
    assert comparison.summary() == "no regression in 3 rows; 3 rows unchanged"


def test_keys_revisions_and_times_are_not_what_a_trial_is(everything):
    later = {"key": "other", "revision": "1234", "started": "2025-01-01T00:00:00+00:00", "seconds": 9.0}
    assert findings(everything, [record.model_copy(update=later) for record in everything]) == []


def test_the_same_machine_is_matched_and_another_one_is_listed(everything):
    other = with_machine(everything, "other")
    worse = [
        record.model_copy(update={"measured": record.measured.model_copy(update={"latency": []})}) for record in other
    ]
    assert findings([*everything, *other], [*other, *everything]) == []
    # B still has these rows on a machine: they did not vanish
    assert findings([*everything, *other], everything) == [("status", "changed")] * 3
    assert findings([*everything, *other], [*everything, *worse]) == [("time b1 / dense", "changed")] * 3


def test_machines_that_cannot_be_told_apart_are_an_error(everything):
    two = [*with_machine(everything, "one"), *with_machine(everything, "two")]
    with pytest.raises(BenchError, match="A has it on one, two, B on machine: with no machine in common"):
        compared(two, everything)


def test_devices_are_rows_of_their_own(svd):
    (own,) = svd(90.0)
    gpu = own.model_copy(update={"trial": own.trial.model_copy(update={"device": "cuda"})})
    assert findings([own], [gpu]) == [("status", "regression"), ("status", "changed")]


def test_what_another_code_and_other_libraries_made_is_told(svd):
    a, b = svd(90.0), svd(90.0)
    own = {"revision": "aaa", "libraries": {"torch": "1"}, "sources": {"training": "s"}}
    new = {"revision": "bbb", "libraries": {"torch": "2", "pillow": "3"}, "sources": {"training": "t"}}
    a[0], b[0] = (
        records[0].model_copy(update={"provenance": Provenance(**made)}) for records, made in ((a, own), (b, new))
    )
    assert compared(a, b).notes == [
        "made by other code (training): revision aaa → bbb", "made with other versions: torch 1 → 2",
    ]  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.integers(1, 300), after=st.integers(1, 300), ratio=st.floats(0.2, 3), other=st.floats(0.2, 3),
       final=st.floats(1, 99), then=st.floats(1, 99))  # fmt: skip
def test_exchanging_the_sets_exchanges_better_and_worse(svd, before, after, ratio, other, final, then):
    a = svd(final, weights=before, latency=[latency(ratio)])
    b = svd(then, weights=after, latency=[latency(other)])
    opposite = {"regression": "improvement", "improvement": "regression", "changed": "changed"}
    assert findings(b, a) == [(what, opposite[verdict]) for what, verdict in findings(a, b)]
