"""The results folder that a verb takes where none is typed, and that it tells; nothing is written to the reference."""

import csv
import io
import shutil

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.cli.results_folders import folder_to_write
from decompbench.bench.cli.shown_records import shown_records
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.reports.page.about import about_data
from decompbench.bench.reports.page.rows import table_data
from tests.places import MACHINE, QUICK, RESULTS

from ..factories import decompbench, write_machine_results

LAPTOP = "laptop-4c-0a1b2c3d-9f3a1c"


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """A copy of the committed results of ``quick``, as the reference."""
    folder = tmp_path / "checkout" / "results"
    shutil.copytree(QUICK.parent, folder / "quick" / MACHINE)
    (folder / "machines").mkdir()
    shutil.copy(RESULTS / "machines" / f"{MACHINE}.json", folder / "machines")
    shutil.copy(RESULTS / "DECOMPBENCH_REFERENCE.md", folder)
    monkeypatch.setenv("DECOMPBENCH_REFERENCE", str(folder))
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder of one's own results, which is not there yet."""
    monkeypatch.setenv("DECOMPBENCH_RESULTS", str(tmp_path / "own"))
    return tmp_path / "own"


def board(*arguments, results=None):
    """Return the rows of ``leaderboard --csv`` by machine, and what was told beside."""
    run = decompbench("leaderboard", *arguments, "--superseded", "--csv", results=results)
    assert run.returncode == 0, run.stderr
    rows = {}
    for row in csv.DictReader(io.StringIO(run.stdout)):
        rows.setdefault(row["machine"], []).append(row)
    return rows, run.stderr


def test_without_results_of_ones_own_the_reference_is_shown_and_that_is_said(own, reference):
    rows, told = board("quick")
    assert rows.keys() == {MACHINE}
    assert {row["reference"] for row in rows[MACHINE]} == {"True"}
    assert told.count(f"no results of quick of your own in {own}: taking the reference, {reference}") == 1


def test_ones_own_rows_stand_beside_those_of_the_reference_machine(own, reference):
    write_machine_results(own, LAPTOP)
    rows, told = board("quick")
    assert {machine: {row["reference"] for row in found} for machine, found in rows.items()} == {
        LAPTOP: {"False"},
        MACHINE: {"True"},
    }
    assert told.count(f"results: {own}, beside the reference, {reference}") == 1
    shown = decompbench("leaderboard", "quick", "--superseded").stdout
    titles = [line for line in shown.splitlines() if line.startswith("quick: ")]
    assert any(f"on reference machine {MACHINE} (cpu)" in title for title in titles)
    assert any(f"on {LAPTOP} (cpu)" in title for title in titles)
    assert board("quick", "--no-reference")[0].keys() == {LAPTOP}


def test_a_folder_that_was_typed_is_taken_alone_and_in_silence(own, reference):
    write_machine_results(own, LAPTOP)
    for folder, machine in ((own, LAPTOP), (reference, MACHINE)):
        rows, told = board("quick", results=folder)
        assert rows.keys() == {machine}
        assert "reference" not in rows[machine][0]
        assert str(folder) not in told


def test_the_page_has_both_with_their_machines(own, reference, tmp_path):
    write_machine_results(own, LAPTOP)
    run = decompbench("leaderboard", "quick", "--html", tmp_path / "page")
    assert run.returncode == 0, run.stderr
    shown = shown_records(None, "quick", beside=True)
    boards = table_data(leaderboard(shown.records, shown.reference))["boards"]
    assert {one["machine"]: one["reference"] for one in boards} == {LAPTOP: False, MACHINE: True}
    assert all("cpu" in machine for machine in about_data(shown.records, shown.folders)["machines"])


def test_rankings_and_figures_are_of_ones_own_where_there_are_any(own, reference, tmp_path):
    rank = ("rank", "quick", "--budget", "params=30%", "--json")
    run = decompbench(*rank)
    assert MACHINE in run.stdout
    assert "taking the reference" in run.stderr
    write_machine_results(own, LAPTOP, records=23)
    run = decompbench(*rank)
    assert LAPTOP in run.stdout
    assert MACHINE not in run.stdout
    assert run.stderr.count(f"results: {own}\n") == 1
    run = decompbench("figure", "pareto", "quick", "-o", tmp_path / "one.svg")
    assert run.returncode == 0, run.stderr
    assert f"results: {own}\n" in run.stderr


def test_validate_takes_ones_own(own, reference):
    write_machine_results(own, LAPTOP)
    run = decompbench("validate", "--no-plan")
    assert run.stdout.startswith("5 records in 1 file"), run.stdout
    assert f"results: {own}" in run.stderr


def test_machines_to_compare_may_be_in_either(own, reference):
    write_machine_results(own, LAPTOP)
    run = decompbench("compare", MACHINE, LAPTOP, "--superseded")
    assert run.returncode in (0, 1), run.stderr
    assert f"machine {LAPTOP} in {own}" in run.stdout + run.stderr
    assert f"machine {MACHINE} in {reference}" in run.stdout + run.stderr


def test_revisions_are_those_of_the_repository_that_has_records(own, monkeypatch):
    """One's own folder is in no repository: the checkout's has the revisions."""
    monkeypatch.delenv("DECOMPBENCH_REFERENCE", raising=False)
    write_machine_results(own, LAPTOP)
    run = decompbench("compare", "HEAD", "HEAD", "--superseded")
    assert run.returncode == 0, run.stderr
    assert "results as of revision HEAD" in run.stdout + run.stderr


WRITE = [
    ("run", "smoke"),
    ("tables",),
    ("tables", "--out", "{reference}"),
    ("leaderboard", "--html", "{reference}"),
]


@pytest.mark.parametrize("arguments", WRITE, ids=" ".join)
@pytest.mark.parametrize("how", ["typed", "below", "variable"])
def test_nothing_writes_to_the_reference(own, reference, monkeypatch, arguments, how):
    before = {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()}
    folder = reference / "mine" if how == "below" else reference
    arguments = [word.format(reference=folder) for word in arguments]
    if how == "variable":
        monkeypatch.setenv("DECOMPBENCH_RESULTS", str(folder))
    run = decompbench(*arguments, results=None if how == "variable" else folder)
    assert run.returncode == 2
    assert f"error: {folder} is the reference" in run.stderr
    assert "decompbench contribute" in run.stderr
    assert {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()} == before


def test_a_maintainer_who_types_both_may_write_to_the_reference(own, reference, monkeypatch, capsys):
    assert folder_to_write(reference, write_reference=True) == reference
    assert folder_to_write(None, write_reference=True) == own
    assert capsys.readouterr().err == f"results go to {own}\n"
    monkeypatch.setenv("DECOMPBENCH_RESULTS", str(reference))
    with pytest.raises(BenchError, match="is the reference"):
        folder_to_write(None, write_reference=True)


def test_a_run_tells_where_to_and_that_the_machines_id_cannot_be_kept(own, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    run = decompbench("run", "no-such-suite")
    assert run.stderr.count(f"results go to {own}\n") == 1
    assert "this machine's id cannot be kept" in run.stderr
    assert not own.exists()


def test_tables_of_the_reference_go_elsewhere(own, reference, tmp_path):
    run = decompbench("tables", "quick", "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "quick" / "leaderboard.csv").exists()
    assert decompbench("tables", "quick").returncode == 2


def test_a_name_that_neither_has_is_told_with_what_both_have(own, reference):
    write_machine_results(own, LAPTOP)
    run = decompbench("leaderboard", "quik")
    assert run.returncode == 2
    assert f"in {own} and {reference}" in run.stderr
    assert "did you mean 'quick'" in run.stderr


def test_without_any_reference_it_is_ones_own(own, monkeypatch):
    monkeypatch.setattr("decompbench.bench.cli.results_folders.reference_results", lambda: None)
    run = decompbench("leaderboard", "quick")
    assert run.returncode == 2
    assert f"results: {own}" in run.stderr
    assert f"no records of suite 'quick' in {own}" in run.stderr
