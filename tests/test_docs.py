"""Commands and code that the README and the docs tell people to run: they run."""

import base64
import doctest
import gzip
import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer

from decompbench.bench.cli import app
from decompbench.bench.records.find import find_records, latest
from decompbench.bench.reports.export.derived import write_tables
from decompbench.bench.reports.page import write_page
from tests.places import COMMITTED, ROOT, TOOLS

TABLES = runpy.run_path(str(TOOLS / "tables.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "results" / "README.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


COMMANDS = sorted(
    {
        (page.name, match.group(1))
        for page in PAGES
        for block in blocks(page, "console")
        for match in re.finditer(r"^\$ (?:\S*/)?decompbench (.*)$", block, re.MULTILINE)
    }
)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_has_the_verb_and_the_options_it_is_shown_with(page, line):
    verb, *arguments = shlex.split(line, comments=True)
    command = typer.main.get_command(app).get_command(None, verb)
    command.make_context(verb, arguments)  # parses and raises, runs nothing


OUTPUTS = sorted({match["arguments"] for page in PAGES for match in TABLES["OUTPUT"].finditer(page.read_text("utf-8"))})


@pytest.mark.parametrize("arguments", OUTPUTS)
def test_a_command_whose_output_is_shown_is_one_that_people_can_type(arguments):
    assert arguments in {line for _, line in COMMANDS}


def test_commands_are_found():
    assert len(COMMANDS) >= 10


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "README.md", "python")
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert Path("small.safetensors").stat().st_size
    assert names["fast"](names["example"]).shape == (1, 1000)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=lambda page: page.name)
def test_sessions_shown_give_what_is_shown(page):
    session = doctest.DocTestParser().get_doctest("".join(blocks(page, "pycon")), {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(session).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", TABLES["PAGES"], ids=lambda page: page.name)
def test_leaderboards_shown_are_those_of_the_records(page):
    text = page.read_text(encoding="utf-8")
    assert TABLES["MARKED"].search(text) or TABLES["OUTPUT"].search(text)
    assert TABLES["refreshed"](text, COMMITTED) == text, "python tools/tables.py makes them anew"


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    """Tables and page of the repository's results, made anew elsewhere."""
    folder = tmp_path_factory.mktemp("results")
    list(write_tables(COMMITTED, folder, on_note=lambda note: None))
    write_page(latest(find_records(COMMITTED)[0]), COMMITTED, folder)
    return folder


def test_tables_of_results_are_those_of_the_records(remade):
    shown = sorted(
        path.relative_to(COMMITTED) for path in COMMITTED.glob("*/leaderboard.*") if path.suffix != ".parquet"
    )
    assert {path.suffix for path in shown} == {".csv", ".md"}
    assert sorted(path.relative_to(remade) for path in remade.glob("*/leaderboard.md")) == shown[1::2]
    differing = [str(path) for path in shown if (COMMITTED / path).read_bytes() != (remade / path).read_bytes()]
    assert differing == [], "python tools/tables.py makes them anew"


def test_page_of_results_is_that_of_the_records(remade):
    shown, again = ((folder / "index.html").read_text(encoding="utf-8") for folder in (COMMITTED, remade))
    assert unpacked(shown) == unpacked(again), "python tools/tables.py makes it anew"


def unpacked(page):
    """Return a page's text and its data; another version of plotly, or of what compresses, is as good."""
    packed = re.compile(r'id="data-(\w+)">([^<]*)<|script-src [^;]*;')
    data = {match[1]: match[2] for match in packed.finditer(page) if match[1] not in (None, "plotly")}
    return packed.sub("", page), {name: gzip.decompress(base64.b64decode(text)) for name, text in data.items()}
