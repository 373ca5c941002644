"""Superseded records: left out of tables, counted, and marked where they are asked for."""

import pytest

from decompbench.bench.records.find import latest
from decompbench.bench.records.record import Measured
from decompbench.bench.records.store import RecordStore
from decompbench.bench.records.superseded import describe_superseded
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.methods import method_class

from ..factories import decompbench, make_record, measured, suite_content, write_suite

NOW = method_class("tucker2").version


def versioned(record, *, method=None, suite=None, **changes):
    """Return a record as an older or newer version of its method or suite would have made it."""
    info = record.method if method is None else record.method.model_copy(update={"version": method})
    trial = record.trial if suite is None else record.trial.model_copy(update={"suite_version": suite})
    return record.model_copy(update={"method": info, "trial": trial, **changes})


@pytest.fixture
def records(trials):
    """dense, svd and tucker2, by present versions."""
    return [
        make_record(trial, **measured(90.0 - number, 1000 if trial.is_dense else 500))
        for number, trial in enumerate(trials)
    ]


def test_present_versions_are_all_latest(records):
    assert latest(records) == records
    assert describe_superseded(records, "how") is None


def test_a_lower_version_than_the_registered_one_is_superseded(records):
    dense, svd, tucker2 = records
    assert latest([dense, svd, versioned(tucker2, method=NOW - 1)]) == [dense, svd]


def test_a_lower_version_than_another_records_is_superseded(records):
    dense, svd, tucker2 = records
    newer = versioned(tucker2, method=NOW + 1)
    assert latest([dense, svd, tucker2, newer]) == [dense, svd, newer]


def test_an_older_method_of_single_layers_counts_too(records):
    dense, svd, _ = records
    plan = {"groups": [{"method": {"name": "tucker2", "version": NOW - 1}}]}
    mixed = svd.model_copy(update={"measured": svd.measured.model_copy(update={"plan": plan})})
    assert latest([dense, mixed]) == [dense]


def test_a_trial_that_a_newer_suite_changed_is_superseded_once_it_was_run_again(records):
    dense, svd, tucker2 = records
    newer = versioned(svd, suite=2, key="of other settings")
    assert latest([dense, svd, tucker2, newer]) == [dense, tucker2, newer]
    assert latest([dense, newer, svd, tucker2]) == [dense, newer, tucker2]  # in whatever order files were merged
    assert "suite tiny, version 1, by now 2" in describe_superseded([*records, newer], "how")


def test_a_trial_that_a_newer_suite_repeated_is_not_superseded(records):
    again = versioned(records[1], suite=2)
    assert describe_superseded([*records, again], "how") is None
    assert latest([*records, again]) == latest([*records, again], superseded=True) == [records[0], again, records[2]]


def test_the_records_of_before_stand_beside_those_of_a_newer_suite(tmp_path, records):
    """As when the version is raised, a method is added, and the suite is run again: old trials are taken as done."""
    content = suite_content(version=2)
    content["entries"][0]["methods"].append("basis")
    *_, added = expand(load_suite(str(write_suite(tmp_path, content, "newer.yaml"))))
    board = leaderboard(latest([*records, make_record(added, **measured(85.0, 500))]))
    assert set(zip(board["method"], board["drop"], strict=True)) == {
        ("dense", 0.0), ("svd", 1.0), ("tucker2", 2.0), ("basis", 5.0),
    }  # fmt: skip
    assert not any("dense" in note for notes in board["notes"] for note in notes)


def test_a_row_says_that_the_dense_model_was_run_again_by_a_newer_suite(records):
    dense, svd, _ = records
    board = leaderboard(latest([dense, svd, versioned(dense, suite=2, key="of other settings")]))
    assert list(board["notes"]) == [[], ["made with another version of the suite than the dense row"]]


def test_a_row_says_that_its_seeds_have_different_settings(tmp_path):
    points = expand(load_suite(str(write_suite(tmp_path, suite_content(seeds=[0, 1])))))
    first, second = (make_record(trial, **measured(80.0)) for trial in points if trial.method.name == "svd")
    said = "its seeds were run with different settings"
    assert said not in leaderboard([first, second])["notes"][0]
    other = versioned(second, suite=2)
    other = other.model_copy(update={"identity": other.identity | {"recipe": {"epochs": 7}}})
    assert said in leaderboard([first, other])["notes"][0]


def test_nothing_is_superseded_by_what_another_machine_has(records):
    newer = [
        versioned(record, suite=2, method=NOW + 1, machine="other", key=f"{record.key} elsewhere") for record in records
    ]
    assert latest([*records, *newer]) == [*records, *newer]


def test_one_record_of_a_newer_method_leaves_the_others(trials):
    records = [make_record(trial.model_copy(update={"seed": seed})) for trial in trials for seed in (0, 1)]
    newer = versioned(records[-1], method=99)
    assert latest([*records, newer]) == [*records[:-1], newer]


def test_a_trial_that_a_packaged_suite_no_longer_has_is_superseded():
    suite = load_suite("quick")
    kept = make_record(expand(suite)[0])
    gone = make_record(expand(suite)[0].model_copy(update={"model": "resnet20"}))
    older = [versioned(record, suite=suite.version - 1) for record in (kept, gone)]
    assert latest(older) == older[:1]
    assert "without such a trial" in describe_superseded(older, "how")
    newer = [versioned(record, suite=suite.version + 1) for record in (kept, gone)]
    assert latest(newer) == newer  # of a suite that is not known here


def test_a_method_that_could_not_be_made_has_no_version(records):
    assert latest([versioned(records[2], method=0)]) != []


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
    older = [versioned(record, suite=0, key=f"{record.key} before") for record in records]
    older[0] = older[0].model_copy(update={"measured": Measured.model_validate(measured(80.0))})
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
