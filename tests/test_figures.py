"""Figures in pages: the numbers that pages tell of the records; and the paths, modules and headings that they name."""

import pkgutil
import re
import runpy

import pytest

from tests.places import COMMITTED, ROOT, TOOLS

TABLES = runpy.run_path(str(TOOLS / "tables.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "results" / "README.md"]
#: Paths of this repository in backticks; one with a placeholder such as ``<paper>`` is passed over.
PATH = re.compile(r"`((?:bench|benchmarks|common|docs|examples|methods|models|tests|tools)/[\w./-]*)`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
MODULE = re.compile(r"`(decompbench(?:\.\w+)+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_and_modules_named_in_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
    for name in MODULE.findall(text):
        pkgutil.resolve_name(name)


def anchors(page):
    """Return what GitHub calls the headings of a page in links."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


@pytest.mark.parametrize("page", TABLES["FIGURE_PAGES"], ids=lambda page: page.name)
def test_figures_are_those_of_the_records(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- figure") == len(TABLES["FIGURE"].findall(text)) > 0
    assert TABLES["refreshed"](text, COMMITTED) == text, "python tools/tables.py makes them anew"


def test_only_pages_that_are_looked_at_have_figures():
    assert {page for page in PAGES if "<!-- figure" in page.read_text(encoding="utf-8")} == {*TABLES["FIGURE_PAGES"]}


def test_a_figure_is_of_the_records_that_there_are(tmp_path):
    page = "<!-- figure: {} -->{}<!-- end --> lines".format
    folder = tmp_path / "quick" / "machine"
    folder.mkdir(parents=True)
    line, *_ = next(COMMITTED.glob("quick/*/records.jsonl")).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "records.jsonl").write_text(line, encoding="utf-8")
    for name, value in {"records": "1", "suites": "1", "records of quick": "1", "suite versions of quick": "4"}.items():
        assert TABLES["refreshed"](page(name, "46"), tmp_path) == page(name, value)
    with pytest.raises(KeyError, match="nothing"):
        TABLES["refreshed"](page("nothing", "46"), tmp_path)
