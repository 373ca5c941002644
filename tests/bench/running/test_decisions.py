"""Decisions on trials: what was asked for decides, and what a record was made with does not."""

from __future__ import annotations

import json
import shutil

import pytest

from decompbench.bench.planning.forecast import Checked
from decompbench.bench.records.record import MethodInfo, Provenance
from decompbench.bench.running.decisions import decide
from decompbench.bench.running.keys import changes

from ..factories import decompbench, made_up_identity, make_record, resealed

INFO = MethodInfo(name="svd", label="svd", version=1, kind="weight-space", paper="", summary="", settings={})
MADE = Provenance(libraries={"torch": "2"}, sources={"training": "s", "method:svd": "m"}, threads=2, processor="cpu")


def checked(trial, **identity):
    return Checked(method=INFO, identity=made_up_identity(trial) | identity, provenance=MADE)


def record_of(trial, one, provenance=MADE, status="ok"):
    from decompbench.bench.base.provenance.software import key_of

    update = {"identity": one.identity, "key": key_of(one.identity), "provenance": provenance}
    return make_record(trial, status=status).model_copy(update=update)


@pytest.fixture
def decision(trials):
    """Return a function that decides on one trial, with the records there are."""

    def decided(one, *records, redo=None):
        (found,) = decide([trials[1]], [one], records, redo)
        return found.runs, found.why

    return decided


def test_a_trial_without_a_record_runs(trials, decision):
    assert decision(checked(trials[1])) == (True, "no record yet")


def test_a_trial_that_is_done_does_not_run(trials, decision):
    one = checked(trials[1])
    assert decision(one, record_of(trials[1], one)) == (False, "done")
    for status in ("skipped", "diverged"):
        assert decision(one, record_of(trials[1], one, status=status)) == (False, "done")
    for status in ("failed", "timeout", "oom"):
        assert decision(one, record_of(trials[1], one, status=status)) == (True, f"ended as {status}")


def test_another_trial_of_the_same_name_runs_and_says_what_differs(trials, decision):
    one, other = checked(trials[1]), checked(trials[1], recipe={"epochs": 7})
    assert decision(other, record_of(trials[1], one)) == (True, "another trial now: recipe.epochs default → 7")


def test_what_it_was_made_with_is_told_and_is_a_reason_only_on_request(trials, decision):
    one = checked(trials[1])
    sources = MADE.sources | {"method:svd": "other"}
    old = record_of(trials[1], one, MADE.model_copy(update={"libraries": {"torch": "1"}, "sources": sources}))
    made = "done, made with other libraries.torch 1 → 2, sources.method:svd other → m"
    assert decision(one, old) == (False, made)
    assert decision(one, old, redo="outdated") == (True, f"--redo outdated: {made}")
    assert decision(one, record_of(trials[1], one), redo="outdated") == (False, "done")
    assert decision(one, record_of(trials[1], one), redo="all") == (True, "--redo all: done")


def test_another_revision_alone_makes_nothing_outdated(trials, decision):
    one = checked(trials[1])
    assert decision(one, record_of(trials[1], one, MADE.model_copy(update={"revision": "abc"}))) == (False, "done")


def test_the_last_record_of_a_key_counts(trials, decision):
    one = checked(trials[1])
    failed, done = record_of(trials[1], one, status="failed"), record_of(trials[1], one)
    assert decision(one, failed, done)[0] is False
    assert decision(one, done, failed)[0] is True


def test_a_renamed_row_runs_under_its_new_name(trials, decision):
    """Its key is the same, as a label changes no outcome; but no table would show it under the name it has now."""
    one = checked(trials[1])
    other = record_of(trials[1], one).model_copy(update={"name": "resnet8/fashion-mnist-10k/best/params=50%/seed0"})
    assert decision(one, other) == (True, "no record yet")


def test_two_devices_of_a_kind_are_one(trials, decision):
    one = checked(trials[1])
    second = record_of(trials[1].model_copy(update={"device": "cuda:1"}), one)
    assert decision(one, second)[0] is False


def test_changes_are_told_by_path():
    before, after = {"a": {"b": 1, "c": [1]}, "d": "x" * 40}, {"a": {"b": 2, "c": [1]}, "e": None}
    assert list(changes(before, after)) == ["a.b 1 → 2", f"d {'x' * 12}… → default"]


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_the_command_line_explains_and_runs_nothing(smoke, tmp_path, verb):
    results = tmp_path / "results"
    shutil.copytree(smoke.results, results)
    (file,) = results.glob("*/*/records.jsonl")
    before = file.read_bytes()
    run = decompbench(verb, "smoke", "--explain", results=results)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].startswith("0 of ")
    assert file.read_bytes() == before
    first, *others = file.read_text().splitlines(keepends=True)
    document = json.loads(first)
    document["provenance"]["libraries"]["torch"] = "0.1"
    file.write_text(resealed(json.dumps(document, separators=(",", ":"), ensure_ascii=False)) + "\n" + "".join(others))
    rows = json.loads(decompbench(verb, "smoke", "--explain", "--json", results=results).stdout)
    assert [row["runs"] for row in rows] == [False] * len(rows)
    assert "libraries.torch 0.1 → " in rows[0]["why"]
    assert {row["why"] for row in rows[1:]} == {"done"}
    if verb == "run":
        asked = ("smoke", "--explain", "--redo", "outdated", "--json")
        rows = json.loads(decompbench("run", *asked, results=results).stdout)
        assert [row["runs"] for row in rows] == [True] + [False] * (len(rows) - 1)
