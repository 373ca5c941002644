"""The tables and the page that the repository shows of its records, made anew in README, ``docs/`` and ``results/``.

    python tools/tables.py                      # after a run

In pages it writes between marks, tables as well as outputs of commands, and tells which pages have changed.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from decompbench.bench.cli import app
from decompbench.bench.records.find import find_records, latest
from decompbench.bench.records.migrations import SCHEMA_VERSION
from decompbench.bench.records.superseded import Versions
from decompbench.bench.reports.export.derived import write_tables
from decompbench.bench.reports.export.render import to_markdown
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.reports.page import write_page

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "leaderboard.md")
MARKED = re.compile(
    r"(?P<begin><!-- leaderboard (?P<suite>\S+) -->\n).*?(?P<end><!-- end of the leaderboard -->)", re.DOTALL
)
#: What a command prints; as a block of text unless it is Markdown.
OUTPUT = re.compile(
    r"(?P<begin><!-- output of decompbench (?P<arguments>.*?) -->\n).*?(?P<end><!-- end of the output -->)", re.DOTALL
)
#: A number in a sentence; `figures` has the names.
FIGURE = re.compile(r"(?P<begin><!-- figure: (?P<name>[^>]+) -->).*?(?P<end><!-- end -->)")
#: Pages with such numbers.
FIGURE_PAGES = (ROOT / "docs" / "records.md",)


def refreshed(text: str, results: Path) -> str:
    """Return a page's text with its leaderboards, outputs and figures made anew from the records in a folder.

    Raises
    ------
    BenchError
        There are no records of a suite that it names, or a command cannot be run.
    KeyError
        There is no figure of a name.
    """
    known = figures(results) if FIGURE.search(text) else {}

    def table(match: re.Match[str]) -> str:
        records, _ = find_records(results, match["suite"])
        tables = to_markdown(leaderboard(latest(records))).strip()
        return f"{match['begin']}\n{tables}\n\n{match['end']}"

    def output(match: re.Match[str]) -> str:
        return f"{match['begin']}\n{printed(match['arguments'], results)}\n\n{match['end']}"

    def figure(match: re.Match[str]) -> str:
        return f"{match['begin']}{known[match['name']]}{match['end']}"

    return FIGURE.sub(figure, OUTPUT.sub(output, MARKED.sub(table, text)))


def figures(results: Path) -> dict[str, str]:
    """Return what pages say in numbers about the lines of the records files in a folder, by name."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(results.glob("*/*/records.jsonl")):
        lines.setdefault(path.parts[-3], []).extend(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
    everything = [line for suite in lines.values() for line in suite]
    found = {
        "present version": str(SCHEMA_VERSION),
        "records": str(len(everything)),
        "suites": str(len(lines)),
        "versions of all lines": listed({line["schema_version"] for line in everything}),
    }
    for suite, own in lines.items():
        found[f"records of {suite}"] = str(len(own))
        found[f"suite versions of {suite}"] = listed({line["trial"]["suite_version"] for line in own})
        records, _ = find_records(results, suite)
        versions = Versions.among(records)
        found[f"superseded of {suite}"] = str(sum(versions.why(record) is not None for record in records))
    return found


def listed(numbers: set[int]) -> str:
    """Return numbers in ascending order: ``2 and 3``."""
    return " and ".join(map(str, sorted(numbers)))


def printed(arguments: str, results: Path) -> str:
    """Return what a command prints of the records in a folder."""
    words = shlex.split(arguments)
    done = CliRunner().invoke(app, [*words, "--results", str(results)], catch_exceptions=False)
    text = done.stdout.strip()
    form = words[words.index("--format") + 1] if "--format" in words else "text"
    return text if form == "markdown" else f"```{form}\n{text}\n```"


def main() -> None:
    """Refresh the pages; tell which have changed."""
    for page in (*PAGES, *FIGURE_PAGES):
        before = page.read_text(encoding="utf-8")
        after = refreshed(before, ROOT / "results")
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"{page.relative_to(ROOT)} has new tables or figures", file=sys.stderr)
    results = ROOT / "results"
    for _ in write_tables(results, on_note=lambda note: print(note, file=sys.stderr)):
        pass
    write_page(latest(find_records(results)[0]), results, results)


if __name__ == "__main__":
    main()
