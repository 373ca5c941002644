"""The tables and the page that the repository shows of its records, made anew in README, ``docs/`` and ``results/``.

    python tools/tables.py                      # after a run

In pages it writes between marks, tables as well as outputs of commands, and tells which pages have changed.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from typer.testing import CliRunner

from decompbench.bench.cli import app
from decompbench.bench.reports.export.derived import write_tables
from decompbench.bench.reports.export.render import to_markdown
from decompbench.bench.reports.leaderboard.rows import find_records, latest, leaderboard
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


def refreshed(text: str, results: Path) -> str:
    """Return a page's text with its leaderboards and outputs made anew from the records in a folder.

    Raises
    ------
    BenchError
        There are no records of a suite that it names, or a command cannot be run.
    """

    def table(match: re.Match[str]) -> str:
        records, _ = find_records(results, match["suite"])
        tables = to_markdown(leaderboard(latest(records))).strip()
        return f"{match['begin']}\n{tables}\n\n{match['end']}"

    def output(match: re.Match[str]) -> str:
        return f"{match['begin']}\n{printed(match['arguments'], results)}\n\n{match['end']}"

    return OUTPUT.sub(output, MARKED.sub(table, text))


def printed(arguments: str, results: Path) -> str:
    """Return what a command prints of the records in a folder."""
    words = shlex.split(arguments)
    done = CliRunner().invoke(app, [*words, "--results", str(results)], catch_exceptions=False)
    text = done.stdout.strip()
    form = words[words.index("--format") + 1] if "--format" in words else "text"
    return text if form == "markdown" else f"```{form}\n{text}\n```"


def main() -> None:
    """Refresh the pages; tell which have changed."""
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = refreshed(before, ROOT / "results")
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"{page.relative_to(ROOT)} has new tables", file=sys.stderr)
    results = ROOT / "results"
    for _ in write_tables(results, on_note=lambda note: print(note, file=sys.stderr)):
        pass
    write_page(latest(find_records(results)[0]), results, results)


if __name__ == "__main__":
    main()
