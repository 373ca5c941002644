"""The table "Every table and figure" of docs/published.md: no cell is empty, and all that its commands name exists."""

import re
import shlex

import pytest
from typer.main import get_command

from decompbench.bench.cli import VERBS, app
from decompbench.bench.reports.published import PAPERS, read_rows
from decompbench.bench.suite.load import load_suite, packaged_suites
from decompbench.bench.suite.trial import expand, matching
from tests.places import ROOT

PAGE = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Every table and figure\n")[2].partition("\n## ")[0]
LINES = [line for line in SECTION.splitlines() if line.startswith("|")]
ROWS = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in LINES[2:]]
#: Commands, each with the words of its verb.
COMMANDS = [command for row in ROWS for command in re.findall(r"`(decompbench [^`]*)`", row[2])]
SUITE_VERBS = {"run", "plan", "leaderboard", "figure"}
#: Figures of the papers.
FIGURES = {"li2019": 5}


def test_the_table_has_three_columns_and_no_empty_cell():
    assert [cell.strip() for cell in LINES[0].strip("|").split("|")] == ["paper", "item", "command that regenerates it"]
    assert all(len(row) == 3 and all(row) for row in ROWS)
    assert all("`" in command for _, _, command in ROWS)
    papers = [paper for paper, _, _ in ROWS]
    assert papers == sorted(papers)
    assert set(papers) <= set(PAPERS)


@pytest.mark.parametrize("paper", FIGURES)
def test_every_table_and_figure_has_a_row(paper):
    items = [item for one, item, _ in ROWS if one == paper]
    wanted = {f"table {row.table}:" for row in read_rows(paper)}
    wanted |= {f"figure {number}:" for number in range(1, FIGURES[paper] + 1)}
    assert {name for name in wanted for item in items if item.startswith(name)} | {
        name for name in wanted for item in items if item.startswith(name.rstrip(":") + " ")
    } == wanted


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_verbs_options_suites_and_trials_of_the_commands_exist(command):
    _, verb, *words = shlex.split(command)
    assert verb in VERBS
    options = {name for parameter in get_command(app).get_command(None, verb).params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
    place = {"figure": 1}.get(verb, 0)
    if verb not in SUITE_VERBS or len(words) <= place or words[place].startswith("-"):
        return
    suite = words[place]
    assert suite in packaged_suites()
    if "--only" in words:
        chosen = matching(expand(load_suite(suite)), words[words.index("--only") + 1])
        assert any(not trial.is_dense for trial in chosen)


def test_code_of_the_table_runs(capsys):
    (code,) = re.findall(r"python -c '([^']*)'", SECTION)
    exec(code, {})
    assert "features.denseblock3.denselayer12.conv1" in capsys.readouterr().out
