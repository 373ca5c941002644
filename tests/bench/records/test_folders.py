"""Results folders: which is one's own, which is the reference, and that they are never one."""

import shutil

import pandas as pd
import pytest

from decompbench.bench.base.errors import StoreError
from decompbench.bench.records import folders
from decompbench.bench.records.find import find_records, latest
from decompbench.bench.records.folders import (
    MARKER,
    is_reference,
    only_in_reference,
    own_results,
    records_files,
    reference_results,
)
from decompbench.bench.records.frame import load_frame
from decompbench.bench.reports.leaderboard.rows import leaderboard
from tests.places import MACHINE, REFERENCES, RESULTS, ROOT

from ..factories import write_machine_results


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A current folder with nothing in it, of a user who has set nothing."""
    monkeypatch.delenv("DECOMPBENCH_RESULTS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def users(tmp_path):
    """The folder that a user's results go to who has said nothing."""
    return tmp_path / "data" / "decompbench" / "results"


def test_without_anything_said_it_is_the_users(users):
    assert own_results() == users


def test_a_folder_of_results_here_is_taken_once_a_run_has_made_it(here, users):
    (here / "results").mkdir()
    assert own_results() == users, "another program's results may be in it"
    (here / "results" / "machines").mkdir()
    (here / "results" / "machines" / "laptop.json").write_text("{}")
    assert own_results().absolute() == here / "results"


def test_the_reference_is_never_ones_own(here, users, monkeypatch):
    shutil.copytree(RESULTS, here / "results", ignore=shutil.ignore_patterns("*.html"))
    assert own_results() == users
    monkeypatch.chdir(here / "results" / "quick")
    assert own_results() == users
    monkeypatch.chdir(here)
    (here / "results" / MARKER).unlink()  # as its text says
    assert own_results().absolute() == here / "results"


def test_the_variable_comes_first(here, monkeypatch, tmp_path):
    write_machine_results(here / "results", "laptop")
    monkeypatch.setenv("DECOMPBENCH_RESULTS", str(tmp_path / "elsewhere"))
    assert own_results() == tmp_path / "elsewhere"
    monkeypatch.setenv("DECOMPBENCH_RESULTS", "~/elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_results() == tmp_path / "elsewhere"


def test_the_default_is_below_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_results() == tmp_path / ".local" / "share" / "decompbench" / "results"


def test_without_a_home_folder_what_to_do_is_said(monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME")

    def expanduser(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", expanduser)
    with pytest.raises(StoreError, match="DECOMPBENCH_RESULTS=FOLDER"):
        own_results()


def test_the_reference_is_the_checkouts():
    assert reference_results() == ROOT / "results"
    assert is_reference(ROOT / "results")
    assert is_reference(ROOT / "results" / "not" / "there")
    assert not is_reference(ROOT)


def test_code_without_committed_results_beside_it_has_none(tmp_path, monkeypatch):
    module = tmp_path / "site-packages" / "decompbench" / "bench" / "records" / "folders.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(folders, "__file__", str(module))
    assert reference_results() is None
    write_machine_results(module.parents[2] / "results", "laptop")
    assert reference_results() is None


def test_the_variable_names_another_reference(monkeypatch, tmp_path):
    shutil.copytree(RESULTS, tmp_path / "other", ignore=shutil.ignore_patterns("*.html"))
    monkeypatch.setenv("DECOMPBENCH_REFERENCE", str(tmp_path / "other"))
    assert reference_results() == tmp_path / "other"
    monkeypatch.setenv("DECOMPBENCH_REFERENCE", str(tmp_path))
    with pytest.raises(StoreError, match=f"is no reference: {MARKER} is not in it"):
        reference_results()


def test_a_link_to_the_reference_is_the_reference(here):
    (here / "results").symlink_to(RESULTS)
    assert is_reference(here / "results")


def test_files_come_suite_by_suite_and_the_first_folders_last(here):
    file = write_machine_results(here / "mine", "laptop")
    files = records_files([here / "mine", RESULTS])
    assert [path.parts[-3] for path in files] == sorted(path.parts[-3] for path in files)
    of_quick = records_files([here / "mine", RESULTS], "quick")
    assert of_quick[-1] == file
    assert of_quick[0].parts[-2:] == (MACHINE, "records.jsonl")
    assert records_files(str(here / "mine")) == [file]


def test_only_what_one_has_not_oneself_is_the_references(here):
    write_machine_results(here / "mine", "laptop")
    assert ("quick", MACHINE) in only_in_reference(here / "mine", RESULTS)
    write_machine_results(here / "mine", MACHINE)
    only = only_in_reference(here / "mine", RESULTS)
    assert ("quick", MACHINE) not in only
    assert ("sr-x2-short", REFERENCES[1]) in only


def test_rows_say_which_are_the_references(here):
    write_machine_results(here / "mine", "laptop")
    both = (here / "mine", RESULTS)
    records = latest(find_records(both, "quick")[0], superseded=True)
    board = leaderboard(records, only_in_reference(*both))
    told = dict(zip(board["machine"], board["reference"], strict=True))
    assert (told["laptop"], told[MACHINE]) == (False, True)
    assert "reference" not in leaderboard(records)


def test_results_that_were_contributed_are_there_once(here):
    write_machine_results(here / "mine", "laptop")
    shutil.copytree(here / "mine", here / "theirs")
    both = [here / "mine", here / "theirs"]
    assert len(latest(find_records(both)[0], superseded=True)) == 5
    pd.testing.assert_frame_equal(load_frame(both), load_frame(here / "mine"))


def test_the_marker_is_committed():
    assert folders.MARKER in [path.name for path in RESULTS.iterdir()]
