"""Sources of A and B: folders, files, machines, git revisions; and the error for anything else."""

import shutil
import subprocess
from pathlib import Path

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.compare import read_set

from ...factories import make_record
from .factories import with_machine

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(folder, *arguments):
    subprocess.run(["git", *IDENTITY, "-C", str(folder), *arguments], check=True, capture_output=True)


def write(results, records):
    for record in records:
        RecordStore(results / record.trial.suite / record.machine).append(record)


@pytest.fixture(autouse=True)
def no_git_of_ours(monkeypatch):
    """Tests may run inside a hook of git, which says by variables where the repository is."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path, everything, monkeypatch):
    """A repository whose first commit, tagged ``first``, has three records, and whose second has all nine."""
    folder = tmp_path / "project"
    write(folder / "results", everything[:3])
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "-a", "first", "-m", "a tag with a message")
    write(folder / "results", everything[3:])
    git(folder, "commit", "-q", "-a", "-m", "second")
    monkeypatch.chdir(folder)
    return folder


def lines(records):
    """Return the records as they are written: without what a trial knows of its suite file."""
    return [record.line() for record in records]


def read(name, results="results"):
    return read_set(name, Path(results))


@pytest.mark.parametrize(
    "name", ["results", "results/tiny", "results/tiny/machine", "results/tiny/machine/records.jsonl", "./results/"]
)
def test_folders_of_every_level_and_files(repository, everything, name):
    assert lines(read(name).records) == lines(everything)


def test_a_machine_is_looked_for_in_all_suites(repository, everything):
    write(Path("results"), with_machine(everything[:1], "other"))
    renamed = everything[0].trial.model_copy(update={"suite": "second"})
    write(Path("results"), [everything[0].model_copy(update={"trial": renamed})])
    assert len(read("machine").records) == 10
    assert {record.machine for record in read("machine").records} == {"machine"}
    assert len(read("other").records) == 1
    assert read("other").source == "machine other in results"


@pytest.mark.parametrize(
    ("name", "count"),
    [("main", 9), ("HEAD", 9), ("HEAD~1", 3), ("first", 3), ("HEAD^0", 9), ("main:results", 9), ("main:", None),
     ("first:results/tiny", 3), ("main:results/tiny/machine/", 9), ("first:results/tiny/machine/records.jsonl", 3)],
)  # fmt: skip
def test_revisions_are_read_as_of_then(repository, everything, name, count):
    if count is None:  # from the top no layout of a results folder begins
        with pytest.raises(BenchError, match=r"there are results/tiny/machine/records.jsonl"):
            read(name)
    else:
        assert lines(read(name).records) == lines(everything[:count])


def test_reading_a_revision_touches_nothing(repository):
    shutil.rmtree("results")
    before = sorted(Path().rglob("*"))
    assert len(read("HEAD~1").records) == 3
    assert sorted(Path().rglob("*")) == before


def test_the_repository_is_that_of_the_results(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(read("first", "project/results").records) == 3
    with pytest.raises(BenchError, match="no git repository holds results"):
        read("first")


def test_the_last_record_of_a_name_counts(repository, everything):
    again = everything[0].model_copy(update={"status": "failed"})
    write(Path("results"), [again])
    assert lines(read("results").records) == lines([again, *everything[1:]])


def test_damaged_lines_are_named_with_their_revision(repository, everything):
    file = Path("results/tiny/machine/records.jsonl")
    file.write_text("no json\n" + file.read_text())
    git(repository, "commit", "-q", "-a", "-m", "damaged")
    found = read("HEAD")
    assert lines(found.records) == lines(everything)
    (damage,) = found.damages
    assert str(damage).startswith("HEAD:results/tiny/machine/records.jsonl:1: not JSON")


def test_what_is_unknown_is_one_line_with_what_there_is(repository):
    with pytest.raises(BenchError) as caught:
        read("mian")
    message = str(caught.value)
    assert "\n" not in message
    assert "did you mean 'main'?" in message
    assert "machines in results: machine;" in message
    assert "branches and tags: main, first" in message


@pytest.mark.parametrize("name", ["--all", "-x", "HEAD~9", ":", "", "main:absent", "main:../main"])
def test_names_that_git_could_misread_are_errors(repository, name):
    with pytest.raises(BenchError):
        read(name)


def test_a_shallow_clone_is_told(repository, tmp_path, monkeypatch):
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(BenchError, match="git fetch --unshallow"):
        read("HEAD~1")


def test_what_has_two_meanings_is_an_error_that_says_how_to_write_either(repository, everything):
    shutil.copytree("results", "main")
    write(Path("results"), with_machine(everything[:2], "main"))
    with pytest.raises(BenchError) as caught:
        read("main")
    message = str(caught.value)
    assert "folder main and machine main in results and results as of revision main" in message
    assert len(read("./main").records) == 9
    assert len(read("main^0").records) == 9
    assert len(read("results/tiny/main").records) == 2
    assert all(way in message for way in ("./main ", "main^0 ", "results/SUITE/main "))


def test_a_folder_without_records_does_not_hide_a_revision(repository):
    Path("first").mkdir()
    assert len(read("first").records) == 3


@pytest.mark.parametrize("content", ["", "no json\n"])
def test_a_file_without_a_record_is_an_error(repository, content):
    Path("other.jsonl").write_text(content)
    with pytest.raises(BenchError, match=r"no readable record in file other.jsonl"):
        read("other.jsonl")


def test_a_record_in_the_form_of_a_newer_program_is_left_out_and_told(repository, trials):
    record = make_record(trials["svd", 0]).model_copy(update={"schema_version": 99})
    Path("newer.jsonl").write_text(record.line())
    with pytest.raises(BenchError, match="schema_version 99 is newer"):
        read("newer.jsonl")
