"""Pages of made-up and of committed records, and a browser that notes everything that goes wrong."""

import shutil

import pytest

from decompbench.bench.records.find import find_records, latest
from decompbench.bench.reports.page import write_page
from tests.places import RESULTS

from . import made_up
from .factories import until

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def committed():
    """The newest committed record of every trial."""
    records, damages = find_records(RESULTS)
    assert not damages
    return latest(records)


@pytest.fixture(scope="session")
def committed_page(committed, tmp_path_factory):
    return write_page(committed, RESULTS, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def odd_page(tmp_path_factory):
    return write_page(made_up.records(tmp_path_factory.mktemp("odd")), RESULTS, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="package")  # not the session: Playwright can run once only in a process, and others start it, too
def browser():
    """Chromium, or a skipped test that says what is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def is_own(url, path):
    """Tell whether a request is for the page itself, or for what it made."""
    return url.partition("#")[0] == path.as_uri() or url.startswith(("data:", "blob:"))


@pytest.fixture
def open_page(browser):
    """Open a file in a context of its own, and wait for its table or, being slower, for its plots.

    At the end nothing may have gone wrong on any page, and no network have been asked.
    """
    contexts, problems = [], []

    def opened(path, link="", plots=False, **context):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context))
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: is_own(request.url, path) or problems.append(request.url))
        page.goto(path.as_uri() + link)
        until(page, f"performance.getEntriesByName('decompbench:{'plots' if plots else 'table'}').length")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
