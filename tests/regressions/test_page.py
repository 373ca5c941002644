"""The page that `asv publish` makes of our results, opened in a browser as a reader would."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest

from .made_up import ERROR, KINDS, MACS, METHODS, VALUES, Project

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")

LIBRARIES = Path(__file__).with_name("page_libraries.zip")
"""What asv's page loads from servers that a test must not depend on: jQuery, Flot, Bootstrap and two small ones."""
COMMITS = 4


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments):
        """Leave pytest's output alone."""


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The folder of the published page: four commits, at each of which a count and an error grew."""
    project = Project(tmp_path_factory.mktemp("published"), COMMITS)
    for commit in range(COMMITS):
        grown = (10 + commit) * VALUES[MACS][0] // 10
        project.write(commit, {MACS: (grown, VALUES[MACS][1]), ERROR: (8.0 + commit, 9.5)})
    subprocess.run(
        [sys.executable, "-m", "asv", "--config", project.config, "publish"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    index = project.folder / "html" / "index.html"
    # some of the libraries are the same version in another packing, which has another checksum
    index.write_text(re.sub(r' integrity="[^"]*"', "", index.read_text()))
    return index.parent


@pytest.fixture(scope="module")
def address(published):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(published)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A page that notes what goes wrong on it in ``page.problems``."""
    page = browser.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("requestfailed", lambda request: page.problems.append(f"not loaded: {request.url}"))
    kept = zipfile.ZipFile(LIBRARIES)
    ours = urlparse(address).netloc

    def answer(route):
        name = Path(urlparse(route.request.url).path).name
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        headers = {"access-control-allow-origin": "*"}  # the page asks for them as another origin's
        route.fulfill(body=kept.read(name), content_type=kind, headers=headers)

    page.route(lambda url: urlparse(url).netloc != ours, answer)
    yield page
    page.close()


def test_the_grid_has_every_benchmark_with_a_plot(page, address):
    page.goto(address)
    page.wait_for_selector(".benchmark-container canvas")
    text = page.inner_text("#summarygrid-display")
    assert [pretty for _, _, pretty in KINDS.values() if pretty not in text] == []
    assert page.locator(".benchmark-container").count() == len(KINDS)
    assert page.problems == []


def test_a_benchmark_has_a_plot_with_all_its_methods(page, address):
    page.goto(f"{address}#{MACS}")
    page.wait_for_selector("#main-graph canvas.flot-base")
    page.wait_for_function("document.querySelectorAll('#main-graph .flot-tick-label').length > 4")
    legend = page.inner_text("#main-graph")
    assert [method for method in METHODS if f"method-{method.strip(chr(39))}" not in legend] == []
    drawn = page.evaluate(
        """() => {
            const canvas = document.querySelector('#main-graph canvas.flot-base');
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const colours = new Set();
            for (let i = 0; i < pixels.length; i += 4)
                if (pixels[i + 3] === 255) colours.add(`${pixels[i]},${pixels[i + 1]},${pixels[i + 2]}`);
            return colours.size;
        }"""
    )
    assert drawn > len(METHODS)
    assert page.problems == []
