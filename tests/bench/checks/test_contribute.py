"""Contributing: own records are added to the reference, all or none, once, and nothing that is there is changed."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.checks.contribute import contribute
from decompbench.bench.records.folders import MARKER
from decompbench.bench.records.lines import read_line
from tests.places import MACHINE, RESULTS

from ..factories import decompbench, line_of, wait_for, write_machine_results

LAPTOP = "laptop-4c-0a1b2c3d-9f3a1c"


@pytest.fixture
def own(tmp_path):
    """Five records of one's own."""
    write_machine_results(tmp_path / "own", LAPTOP)
    return tmp_path / "own"


@pytest.fixture
def reference(tmp_path):
    """A copy of the committed results, in a folder that is like a checkout."""
    folder = tmp_path / "check out" / "results"
    shutil.copytree(RESULTS, folder, ignore=shutil.ignore_patterns("*.html"))
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def records_of(folder, machine=LAPTOP):
    return folder / "quick" / machine / "records.jsonl"


def test_records_and_machine_are_added_and_nothing_else_is_touched(own, reference):
    before = contents(reference)
    made = contribute(own, reference, plan=False)
    assert made.written
    assert made.whole
    assert len(made.new) == 5
    after = contents(reference)
    assert {name: after[name] for name in before} == before
    assert {name: after[name] for name in after.keys() - before.keys()} == contents(own)


def test_a_second_time_adds_nothing(own, reference):
    contribute(own, reference, plan=False)
    before = contents(reference)
    made = contribute(own, reference, plan=False)
    assert made.written
    assert made.new == []
    assert made.parts[0].there == 5
    assert made.commands, "what was added may not be committed yet"
    assert contents(reference) == before


def test_what_was_run_since_is_added_after_what_is_there(own, reference):
    contribute(own, reference, plan=False)
    before = records_of(reference).read_bytes()
    write_machine_results(own, LAPTOP, records=8)
    assert len(contribute(own, reference, plan=False).new) == 3
    assert records_of(reference).read_bytes() == records_of(own).read_bytes()
    assert records_of(reference).read_bytes().startswith(before)


def test_a_last_line_without_an_end_gets_one_before_others_come(own, reference):
    records_of(reference).parent.mkdir()
    records_of(reference).write_bytes(records_of(own).read_bytes().splitlines()[0])
    contribute(own, reference, plan=False)
    assert records_of(reference).read_bytes() == records_of(own).read_bytes()


def test_a_dry_run_says_the_same_and_writes_nothing(own, reference):
    before = contents(reference)
    made = contribute(own, reference, plan=False, write=False)
    assert len(made.new) == 5
    assert not made.written
    assert contents(reference) == before


def test_a_damaged_record_stops_all_of_them(own, reference):
    file = write_machine_results(own, "another")
    file.write_bytes(file.read_bytes().replace(b'"status": "ok"', b'"status": "no"', 1))
    before = contents(reference)
    made = contribute(own, reference, plan=False)
    assert [(one.path, one.line) for one in made.findings] == [(file, 1)]
    assert not made.written
    assert not made.whole
    assert made.commands == []
    assert contents(reference) == before


@pytest.mark.parametrize("revision", ["f4b400dadebb-dirty", None])
def test_records_of_code_that_is_in_no_commit_are_left_out_unless_allowed(own, reference, revision):
    lines = records_of(own).read_bytes().splitlines(keepends=True)
    document = read_line(lines[1].strip())[0]
    document["provenance"]["revision"] = revision
    records_of(own).write_bytes(lines[0] + line_of(document).encode() + b"".join(lines[2:]))
    made = contribute(own, reference, plan=False)
    assert len(made.new) == 4
    assert not made.whole
    assert "1 record left out" in "\n".join(made.summary)
    assert records_of(reference).read_bytes() == b"".join([lines[0], *lines[2:]])
    made = contribute(own, reference, plan=False, allow_dirty=True)
    assert len(made.new) == 1
    assert made.whole
    assert len(records_of(reference).read_bytes().splitlines()) == 5


def test_another_machine_of_the_name_is_a_conflict(own, reference):
    description = json.loads((own / "machines" / f"{LAPTOP}.json").read_text())
    theirs = json.dumps(description | {"memory_gib": 5000})
    (reference / "machines" / f"{LAPTOP}.json").write_text(theirs)
    made = contribute(own, reference, plan=False)
    (finding,) = made.findings
    assert "describes another machine" in finding.what
    assert (reference / "machines" / f"{LAPTOP}.json").read_text() == theirs
    assert not records_of(reference).exists()


def test_a_line_that_was_changed_is_a_conflict(own, reference):
    contribute(own, reference, plan=False)
    before = contents(reference)
    line, *others = records_of(own).read_bytes().splitlines(keepends=True)
    changed = line_of(read_line(line.strip())[0] | {"seconds": 1.0}).encode()
    records_of(own).write_bytes(b"".join([changed, *others]))
    (finding,) = contribute(own, reference, plan=False).findings
    assert "one of them was changed" in finding.what
    assert str(records_of(reference)) in finding.what
    assert contents(reference) == before


def test_an_id_that_any_machine_like_it_has_is_refused(tmp_path, reference):
    write_machine_results(tmp_path / "own", "laptop-4c-0a1b2c3d-unkept")
    (finding,) = contribute(tmp_path / "own", reference, plan=False).findings
    assert "DECOMPBENCH_MACHINE=NAME" in finding.what


def test_folders_that_are_not_what_they_should_be_are_refused(own, reference):
    with pytest.raises(BenchError, match=f"no reference, which has a {MARKER}"):
        contribute(own, own)
    with pytest.raises(BenchError, match="is a reference itself"):
        contribute(reference, reference)
    with pytest.raises(BenchError, match=r"no records of suite 'quik' \(did you mean 'quick'\?\)"):
        contribute(own, reference, "quik")


KILLED_WHILE_WRITING = """
import os, pathlib, signal, sys
from decompbench.bench.checks.contribute import contribute
replace = pathlib.Path.replace

def kill(part, path):
    if path.name == "records.jsonl":
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(part, path)

pathlib.Path.replace = kill
contribute(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), plan=False)
"""


def test_one_that_is_killed_leaves_whole_files_and_is_made_good_by_the_next(own, reference):
    first = write_machine_results(own, "a-first-machine")
    contribute(own, reference, plan=False)
    before = records_of(reference).read_bytes()
    write_machine_results(own, LAPTOP, records=8)
    write_machine_results(own, "z-third-machine")
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, own, reference], timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    assert records_of(reference).read_bytes() == before
    assert contribute(own, reference, plan=False).whole
    for machine in (LAPTOP, "a-first-machine", "z-third-machine"):
        assert records_of(reference, machine).read_bytes() == records_of(own, machine).read_bytes()
    assert first.read_bytes() == records_of(reference, "a-first-machine").read_bytes()


HOLDS_THE_LOCK = """
import pathlib, sys, time
from decompbench.bench.records.store import RecordStore
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
with RecordStore(folder).run_lock():
    print("held", flush=True)
    time.sleep(600)
"""


def test_who_writes_there_is_waited_for_by_the_user(own, reference):
    command = [sys.executable, "-c", HOLDS_THE_LOCK, records_of(reference).parent]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(BenchError, match=f"process {process.pid} is running this suite"):
                contribute(own, reference, plan=False)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    assert wait_for(lambda: process.poll() is not None, 10)
    assert contribute(own, reference, plan=False).written


def test_people_are_told_what_to_type(own, reference, monkeypatch):
    monkeypatch.setenv("DECOMPBENCH_RESULTS", str(own))
    run = decompbench("contribute", "quick", "--to", reference, "--no-plan")
    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert said[0] == f"{records_of(reference)}: 5 records added, 0 were there"
    commands = said[said.index("to commit them:") + 1 :]
    assert [command.strip() for command in commands] == [
        f"cd '{reference.parent}'",
        f"{sys.executable} tools/tables.py",
        "git add results README.md docs",
        f"git commit -m 'Results of quick on {LAPTOP}'",
    ]


def test_programs_are_told_the_same_and_plans_are_made_again(own, reference):
    run = decompbench("contribute", "--to", reference, "--dry-run", "--json", results=own)
    assert run.returncode == 0, run.stderr + run.stdout
    told = json.loads(run.stdout)
    assert told["written"] is False
    assert told["findings"] == []
    (file,) = told["files"]
    assert (len(file["new"]), file["uncommitted"], file["there"]) == (5, [], 0)
    assert not records_of(reference).exists()


def test_what_is_wrong_is_exit_code_1_and_named(own, reference):
    (own / "machines" / f"{LAPTOP}.json").unlink()
    run = decompbench("contribute", "--to", reference, "--no-plan", results=own)
    assert run.returncode == 1
    assert f"the machine {LAPTOP} is not described" in run.stdout
    assert "nothing is contributed: 1 finding" in run.stdout


def test_the_reference_of_this_checkout_is_the_default(own):
    run = decompbench("contribute", "--dry-run", "--no-plan", "--json", results=own)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["reference"].endswith("results")
    assert not records_of(RESULTS).exists()
    assert MACHINE in os.listdir(RESULTS / "quick")
