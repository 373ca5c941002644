"""The page: template, styles, scripts and data in one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from ....common.files import require_writable, write_atomically
from ...base.errors import StoreError
from ...records.folders import Folders
from ...records.record import Record
from ..leaderboard.rows import leaderboard
from .about import about_data
from .details import details_data
from .packing import packed, to_json
from .rows import table_data

#: In this order: a file uses only functions, and starts nothing, so that only the last must be the last.
SCRIPTS = (
    "dom.js", "format.js", "unpack.js", "data.js", "state.js", "theme.js", "tip.js", "marks.js", "filters.js",
    "columns.js", "table.js", "figure.js", "published.js", "pareto.js", "chosen.js", "plan.js", "curves.js",
    "record.js", "about.js", "keyboard.js", "main.js",
)  # fmt: skip
STATIC = Path(__file__).with_name("static")
MARK = re.compile(r"\{\{(\w+)\}\}")


def write_page(
    records: Sequence[Record], results: Folders, folder: Path, reference: Collection[tuple[str, str]] = ()
) -> Path:
    """Write ``index.html``: whole or not at all.

    Parameters
    ----------
    records
        Of any suites and machines, each trial at most once (see :func:`.find.latest`).
    results
        Folder of all results, or several, which have the machines' descriptions.
    folder
        Where to; made if it is not there.
    reference
        As :func:`.rows.leaderboard` takes it.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    BenchError
        Two rows are of one method at one budget in one table.
    StoreError
        It cannot be written.
    """
    content = page(records, results, reference).encode()
    path = folder / "index.html"
    try:
        require_writable(folder)
        write_atomically(path, content)
    except OSError as error:
        raise StoreError(f"cannot write the page to {folder}: {error.strerror or error}") from None
    return path


def page(records: Sequence[Record], results: Folders, reference: Collection[tuple[str, str]] = ()) -> str:
    """Return the page of the records; the same records give the same bytes.

    Whatever stands in a record can neither end an element nor be run: data is compressed and in base64, and the page's
    policy lets only the two scripts run whose hashes it has, and lets none of them reach a network.

    Parameters
    ----------
    records, results, reference
        As in :func:`write_page`.
    """
    table = table_data(leaderboard(records, reference))
    rows = {_place(row, table["boards"][row["board"]]): row["id"] for row in table["rows"]}
    script = "".join(_static(name) for name in SCRIPTS)
    plotly = _plotly()
    parts = {
        "policy": f"default-src 'none'; script-src {_hash(script)} {_hash(plotly)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        "style": _static("style.css"),
        "script": script,
        "table": packed(to_json(table | {"about": about_data(records, results)})),
        "details": packed(to_json(details_data(records, rows))),
        "plotly": _packed_plotly(),
    }
    return MARK.sub(lambda mark: parts[mark[1]], _static("page.html"))


def _place(row: dict, board: dict) -> tuple[str, ...]:
    return (board["suite"], board["machine"], board["device"], board["table"], row["method"], row["budget"])


def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return how a content security policy names a script's text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


@cache
def _packed_plotly() -> str:
    return packed(_plotly())
