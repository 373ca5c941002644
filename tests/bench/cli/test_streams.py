"""Terminals and pipes that are not UTF-8: every verb prints, in characters they have, tables in straight columns."""

import io
import json
import os
import subprocess
import sys

import pytest
from rich.table import Table
from rich.text import Text

from decompbench.bench.cli import VERBS, main
from decompbench.bench.reports.text.console import PlainConsole
from decompbench.bench.reports.text.table import TextColumn, TextTable
from decompbench.bench.reports.text.terminal import print_text_tables
from tests.places import RESULTS

from ..factories import PROGRAM, short_suite

MISTAKES = ["run quick→", "plan Größe.yaml", "leaderboard quick --results PLACE/λ", "leaderbörd", "check svdλ"]
#: Calls that print what has characters beyond ASCII, or might; PLACE stands for a folder.
CALLS = [
    "leaderboard quick --results RESULTS",
    "leaderboard quick --results RESULTS --superseded",
    *(f"leaderboard quick --results RESULTS --format {one}" for one in ("markdown", "csv", "latex", "json")),
    "rank quick --budget params=30% --results RESULTS",
    "compare RESULTS RESULTS",
    "published",
    "methods",
    "methods tucker2",
    "models resnet20",
    "suites",
    "recipes",
    "recipes yu2021-cifar10",
    "data",
    "plan smoke",
    "validate RESULTS --no-plan",
    "doctor",
    "figure pareto quick --results RESULTS -o PLACE/pareto.svg",
    "tables --results RESULTS --out PLACE",
    *MISTAKES,
]


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Call the command line in this process, with streams of an encoding; return its exit code and their bytes."""

    def run(words, encoding, width="200"):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        monkeypatch.setenv("COLUMNS", width)
        places = words.replace("RESULTS", str(RESULTS)).replace("PLACE", str(tmp_path))
        arguments = places.split()
        monkeypatch.setattr(sys, "argv", ["decompbench", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        for stream in streams:
            stream.flush()
        return code or 0, *(stream.buffer.getvalue() for stream in streams)

    return run


@pytest.mark.parametrize("words", [*CALLS, *(f"{verb} --help" for verb in VERBS), "--help"])
def test_every_verb_prints_in_ascii(call, words):
    code, out, err = call(words, "ascii")
    assert code == (2 if words in MISTAKES else 0), err
    assert (out + err).isascii()
    assert b"Traceback" not in err
    told = call(words, "utf-8")
    assert code == told[0]
    assert out or err
    if words.startswith(("leaderboard quick --results RESULTS", "rank", "published", "methods", "models")):
        assert out.count(b"\n") == told[1].count(b"\n")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "iso8859-15", "koi8-r", "shift-jis", "big5"])
def test_other_encodings(call, encoding):
    for words in ("leaderboard quick --results RESULTS", "methods tucker2", "run quick→λ∞ --results PLACE"):
        code, out, err = call(words, encoding)
        assert code in (0, 2)
        assert "Traceback" not in err.decode(encoding)
        assert out.decode(encoding) or err


def test_json_has_the_same_values_in_any_encoding(call):
    words = "leaderboard quick --results RESULTS --format json"
    assert json.loads(call(words, "ascii")[1]) == json.loads(call(words, "utf-8")[1])


def test_a_page_is_utf8_whatever_the_stream(call):
    words = "leaderboard quick --results RESULTS --format html"
    _, page, _ = call(words, "ascii")
    assert b'charset="utf-8"' in page.lower() or b"charset=utf-8" in page.lower()
    assert page.decode()


HARD = ["λ → ∞", "Größe × 10", "…", "日本", "a"]


def printed(console_of, show):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show(console_of(file=stream, width=200, force_terminal=False))
    stream.flush()
    return stream.buffer.getvalue().decode("ascii").rstrip("\n").split("\n")


def test_columns_are_laid_out_as_they_are_shown():
    columns = [
        TextColumn("λ of ∞", HARD, number=False, meaning="≤: at most"),
        TextColumn("±", [str(number) for number in range(len(HARD))]),
    ]
    table = TextTable("a → b", columns, [""] * len(HARD), ["a × b"])
    lines = printed(PlainConsole, lambda console: print_text_tables([table], console))
    assert "a -> b" in lines[0]
    rows = [line for line in lines if line.rstrip(" |")[-1:].isdigit() and "x b" not in line]
    assert len(rows) == len(HARD)
    assert len({line.rstrip(" |").rindex(line.rstrip(" |")[-1]) for line in rows}) == 1, rows
    assert any("lambda -> inf" in row for row in rows)
    assert any("Grosse x 10" in row for row in rows)
    assert "  <=: at most" in lines


def test_lists_are_laid_out_as_they_are_shown():
    table = Table("λ", "n")
    for number, cell in enumerate(HARD):
        table.add_row(Text(cell), str(number))
    lines = printed(PlainConsole, lambda console: console.print(table))
    assert len({len(line) for line in lines}) == 1, lines
    assert any("lambda -> inf" in line for line in lines)


def test_styles_move_with_their_words():
    text = Text("a → ").append("λ", style="bold").append(" b")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = PlainConsole(file=stream, width=80, force_terminal=True, color_system="standard")
    console.print(text)
    stream.flush()
    assert b"\x1b[1mlambda\x1b[0m b" in stream.buffer.getvalue()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252:strict"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "POSIX"},
    ],
)
def test_real_processes(variables, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "PYTHONUTF8")}
    command = [*PROGRAM, "leaderboard", "quick", "--results", str(RESULTS)]
    done = subprocess.run(command, env=environment | variables, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"tucker2" in done.stdout
    written = subprocess.run(
        [*command, "--format", "markdown", "-o", str(tmp_path / "out.md")],
        env=environment | variables,
        capture_output=True,
        timeout=120,
    )
    assert written.returncode == 0, written.stderr
    assert "–" in (tmp_path / "out.md").read_text(encoding="utf-8"), "files are UTF-8 whatever the terminal is"


def test_a_run_and_what_its_trials_print(tmp_path):
    suite = short_suite(tmp_path, [{"name": "svd", "label": "svd λ→∞"}], recipe={"epochs": 1})
    plugin = tmp_path / "bad_methods.py"
    plugin.write_text(plugin.read_text() + "\nprint('λ → ∞')\n", encoding="utf-8")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [*PROGRAM, "run", str(suite), "--results", str(tmp_path / "results")]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert b"svd lambda->inf" in done.stdout
