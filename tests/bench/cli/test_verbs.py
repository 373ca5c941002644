"""The verbs: listed once, each with its example; nearest names, the version, completion."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from decompbench.bench import cli
from tests.places import DOCS, ROOT

from ..factories import PROGRAM, decompbench

#: Modules beside the verbs.
OTHERS = {"__init__", "decisions", "formats", "options", "results_folders", "shown_records"}


def test_every_module_is_a_verb():
    modules = {path.stem for path in Path(cli.__file__).parent.glob("*.py")}
    assert modules - OTHERS == set(cli.VERBS)
    assert len(set(cli.VERBS)) == len(cli.VERBS)


def test_the_group_has_a_command_for_each():
    group = typer.main.get_command(cli.app)
    assert group.list_commands(None) == list(cli.VERBS)
    assert all(group.get_command(None, verb).name == verb for verb in cli.VERBS)
    assert group.get_command(None, "options") is None


def test_help_lists_all_verbs_with_a_word_on_each():
    lines = decompbench("--help").stdout.splitlines()
    for verb in cli.VERBS:
        assert any(re.match(rf"\W*{verb} +\w", line) for line in lines), verb


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_of_each_verb_has_an_example_that_names_it(verb):
    run = decompbench(verb, "--help")
    assert run.returncode == 0
    assert f"Example: decompbench {verb}" in " ".join(run.stdout.split())


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_docs_show_each_verb(verb):
    pages = [ROOT / "README.md", *DOCS.glob("*.md")]
    assert any(f"decompbench {verb}" in page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.parametrize(
    ("wrong", "near"), [("leaderbord", "'leaderboard'"), ("suite", "'suites'"), ("compres", "'compress' or 'compare'")]
)
def test_a_wrong_verb_gets_the_nearest(wrong, near):
    run = decompbench(wrong)
    assert run.returncode == 2
    assert f"No such command '{wrong}' (did you mean {near}?)" in " ".join(run.stderr.split())


def test_a_verb_like_no_other_and_none_at_all_end_with_2():
    run = decompbench("xyzzy")
    assert run.returncode == 2
    assert "No such command 'xyzzy'." in run.stderr
    assert "did you mean" not in run.stderr
    assert decompbench().returncode == 2
    assert decompbench("--verson").returncode == 2


def test_the_version_is_the_installed_one():
    run = decompbench("--version")
    assert (run.returncode, run.stdout) == (0, f"decompbench {version('decompbench')}\n")


@pytest.mark.parametrize(("words", "answer"), [("leader", "leaderboard"), ("plan --on", "--only"), ("xyz", "")])
def test_completion_in_a_fresh_process(words, answer):
    typed = f"decompbench {words}"
    asked = {"_DECOMPBENCH_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    code = "import sys; sys.argv[0] = 'decompbench'; " + PROGRAM[-1]
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == answer.split(), done.stderr
