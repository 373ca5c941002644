"""Records of older versions of a suite or a method: left out, counted, and marked where they are asked for."""

import pytest

from decompbench.bench.leaderboard import latest, leaderboard
from decompbench.bench.store import RecordStore
from decompbench.bench.superseded import current, describe_superseded
from decompbench.methods import method_class

from .conftest import decompbench, make_record
from .test_leaderboard import measured

NOW = method_class("tucker2").version


def versioned(record, *, method=None, suite=None):
    """Return a record as an older or newer version of its method or suite would have made it."""
    info = record.method if method is None else record.method.model_copy(update={"version": method})
    trial = record.trial if suite is None else record.trial.model_copy(update={"suite_version": suite})
    return record.model_copy(update={"method": info, "trial": trial})


@pytest.fixture
def records(trials):
    """dense, svd and tucker2, by present versions."""
    return [make_record(trial, **measured(90.0 - number)) for number, trial in enumerate(trials)]


def test_present_versions_are_all_current(records):
    assert current(records) == records
    assert describe_superseded(records, "how") is None


def test_a_lower_version_than_the_registered_one_is_superseded(records):
    dense, svd, tucker2 = records
    assert current([dense, svd, versioned(tucker2, method=NOW - 1)]) == [dense, svd]


def test_a_lower_version_than_another_records_is_superseded(records):
    dense, svd, tucker2 = records
    newer = versioned(tucker2, method=NOW + 1)
    assert current([dense, svd, tucker2, newer]) == [dense, svd, newer]


def test_an_older_method_of_single_layers_counts_too(records):
    dense, svd, _ = records
    plan = {"groups": [{"method": {"name": "tucker2", "version": NOW - 1}}]}
    mixed = svd.model_copy(update={"measured": svd.measured.model_copy(update={"plan": plan})})
    assert current([dense, mixed]) == [dense]


def test_an_older_version_of_the_suite_is_superseded_on_every_machine(records):
    newer = versioned(records[1], suite=2).model_copy(update={"machine": "other"})
    assert current([*records, newer]) == [newer]


def test_a_method_that_could_not_be_made_has_no_version(records):
    assert current([versioned(records[2], method=0)]) != []


def test_tables_leave_them_out_or_mark_them(records):
    dense, svd, tucker2 = records
    old = versioned(tucker2, method=NOW - 1)
    mixed = [dense, svd, old, tucker2]
    assert len(leaderboard(latest(mixed))) == 3
    frame = leaderboard(latest(mixed, superseded=True))
    assert len(frame) == 4  # old and new are no seeds of each other
    marked = [notes for notes in frame["notes"] if any(note.startswith("superseded: ") for note in notes)]
    assert marked == [[f"superseded: method tucker2, version {NOW - 1}, by now {NOW}"]]


def test_rows_of_an_older_suite_are_compared_with_its_own_dense_model(records):
    older = [versioned(record, suite=0) for record in records]
    older[0] = make_record(records[0].trial, **measured(80.0)).model_copy(update={"trial": older[0].trial})
    frame = leaderboard(latest([*older, *records], superseded=True))
    assert sorted(frame["drop"].dropna()) == [-9.0, -8.0, 0.0, 0.0, 1.0, 2.0]


@pytest.mark.parametrize("verb", ["leaderboard", "compare"])
def test_the_command_line_says_how_many(tmp_path, records, verb):
    store = RecordStore(tmp_path / "tiny" / "machine")
    for record in (*records[:2], versioned(records[2], method=NOW - 1)):
        store.append(record)
    words = (
        ["leaderboard", "--results", tmp_path] if verb == "leaderboard" else ["compare", tmp_path, tmp_path, "--all"]
    )
    run = decompbench(*words)
    assert run.returncode == 0, run.stderr
    line = f"1 record is superseded and left out (method tucker2, version {NOW - 1}, by now {NOW}): "
    assert line in run.stderr
    assert "--superseded" in run.stderr
    assert "tucker2" not in run.stdout
    shown = decompbench(*words, "--superseded")
    assert "tucker2" in shown.stdout
    assert "superseded" not in shown.stderr


def test_a_set_of_nothing_else_is_said(tmp_path, records):
    RecordStore(tmp_path / "tiny" / "machine").append(versioned(records[2], method=NOW - 1))
    run = decompbench("compare", tmp_path, tmp_path)
    assert run.returncode == 2
    assert "--superseded" in run.stderr
    assert "Traceback" not in run.stderr
    run = decompbench("leaderboard", results=tmp_path)
    assert run.returncode == 2
    assert "--superseded" in run.stderr
