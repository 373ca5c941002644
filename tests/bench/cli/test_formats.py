"""``--format`` and ``--output``: the same text in a file as in a pipe, refusals that say what there is, old flags."""

import pytest
import typer

from decompbench.bench.cli.formats import choose_output
from tests.places import RESULTS

from ..factories import decompbench

RANK = ("rank", "quick", "--budget", "params=30%")
BOARD = ("leaderboard", "quick")
#: Verbs that print tables, with what they cannot be written as.
VERBS = {
    BOARD: ("xml",),
    RANK: ("html",),
    ("compare", "quick", "quick"): ("csv", "latex", "html"),
    ("published",): ("csv", "latex", "html"),
    ("sweep", "--quick"): ("csv", "latex", "html"),
}


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "latex", "json"])
def test_a_file_holds_what_a_pipe_would_get(tmp_path, form):
    file = tmp_path / "new" / "table"
    printed = decompbench(*RANK, "--format", form, results=RESULTS)
    written = decompbench(*RANK, "--format", form, "-o", file, results=RESULTS)
    assert (printed.returncode, printed.stderr, written.returncode, written.stderr) == (0, "", 0, "")
    assert written.stdout == f"{file}\n"
    assert file.read_text() == printed.stdout


def test_the_terminals_table_is_what_is_printed_unless_another_is_asked_for():
    assert (
        decompbench(*RANK, results=RESULTS).stdout == decompbench(*RANK, "--format", "terminal", results=RESULTS).stdout
    )


@pytest.mark.parametrize(("asked", "made"), [("page", "page/index.html"), ("one.html", "one.html")])
def test_a_page_is_written_to_a_folder_or_a_file(tmp_path, asked, made):
    run = decompbench(*BOARD, "--format", "html", "--output", tmp_path / asked, results=RESULTS)
    assert (run.returncode, run.stdout) == (0, f"{tmp_path / made}\n")
    assert (tmp_path / made).read_text().startswith("<!DOCTYPE html>")


def test_a_page_can_be_piped():
    run = decompbench(*BOARD, "--format", "html", results=RESULTS)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("<!DOCTYPE html>")


def test_a_page_is_not_printed_on_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(typer.BadParameter, match="needs --output"):
        choose_output("html", None, {})
    assert choose_output("json", None, {}).file is None


@pytest.mark.parametrize(("verb", "form"), [(verb, form) for verb, forms in VERBS.items() for form in forms])
def test_a_format_that_a_verb_lacks_is_refused_with_those_it_has(verb, form):
    run = decompbench(*verb, "--format", form)
    assert (run.returncode, run.stdout) == (2, "")
    assert f"no format '{form}'" in " ".join(run.stderr.split())
    assert "there is terminal, markdown" in " ".join(run.stderr.split())


def test_a_format_with_a_mistake_gets_the_nearest():
    assert "did you mean 'markdown'" in decompbench(*RANK, "--format", "markdwn").stderr


@pytest.mark.parametrize("verb", [verb[0] for verb in VERBS])
def test_help_names_the_formats_and_hides_the_old_flags(verb):
    text = decompbench(verb, "--help").stdout
    assert "--format" in text
    assert "--output" in text
    assert not any(flag in text for flag in ("--markdown", "--csv", "--latex", "--json", "--html"))


@pytest.mark.parametrize("form", ["markdown", "csv", "latex", "json"])
def test_old_flags_give_the_same_and_name_the_new_form(form):
    old, new = (decompbench(*RANK, *flags, results=RESULTS) for flags in ([f"--{form}"], ["--format", form]))
    assert (old.returncode, old.stdout) == (0, new.stdout)
    assert old.stderr == f"note: --{form} is now --format {form} and will be removed\n"


def test_the_old_flag_of_the_page_takes_its_folder(tmp_path):
    run = decompbench(*BOARD, "--html", tmp_path, results=RESULTS)
    assert (run.returncode, run.stdout) == (0, f"{tmp_path / 'index.html'}\n")
    assert run.stderr == f"note: --html is now --format html --output {tmp_path} and will be removed\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--csv", "--json"], "give one of --csv and --json"),
        (["--csv", "--format", "json"], "give one of --csv and --format"),
        (["--html", "page", "--output", "other"], "give one of --html and --output"),
    ],
)
def test_two_formats_at_once_are_refused(flags, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = decompbench(*BOARD, *flags, results=RESULTS)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in " ".join(run.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    run = decompbench(*RANK, "-o", tmp_path / "file" / "x", results=RESULTS)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error: cannot write")
