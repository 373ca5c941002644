"""Tables in Markdown of the single layers that pytest-benchmark measured.

    python benchmarks/micro/report.py FILE.json > table.md

A table is one kind of work at one batch size, a column a layer. A cell is the median over the rounds in ms and, in
brackets, its ratio to that of the dense layer of the same group.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

DENSE = "dense"


def main() -> None:
    """Read the file and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="what pytest --benchmark-json wrote")
    file = parser.parse_args().file
    try:
        measured = json.loads(file.read_text(encoding="utf-8"))
        print(to_markdown(measured))
    except (OSError, json.JSONDecodeError, KeyError) as error:
        print(f"{file}: not a file that pytest --benchmark-json wrote here ({error})", file=sys.stderr)
        sys.exit(2)


def to_markdown(measured: dict[str, Any]) -> str:
    """Return a line on machine and versions, and the tables."""
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for one in measured["benchmarks"]:
        info = one["extra_info"]
        medians = tables.setdefault(info["table"], {}).setdefault(info["layer"], {})
        medians[info["method"]] = 1000 * one["stats"]["median"]
    return "\n\n".join([_header(measured), *(_table(name, columns) for name, columns in tables.items())])


def _header(measured: dict[str, Any]) -> str:
    machine, load = measured["machine_info"], measured["load"]
    return (
        f"Revision {measured['revision']}, torch {machine['torch']}, methods at {measured['budget']}, "
        f"{machine['threads']} thread on {machine['machine']} ({machine['cores']} cores, load {load['before']:.1f} "
        f"before and {load['after']:.1f} after); median ms (ratio to dense)."
    )


def _table(name: str, columns: dict[str, dict[str, float]]) -> str:
    methods = sorted({method for medians in columns.values() for method in medians}, key=lambda m: (m != DENSE, m))
    lines = [f"| {name} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for method in methods:
        cells = [_cell(medians, method) for medians in columns.values()]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(medians: dict[str, float], method: str) -> str:
    """Return a median with its ratio; nothing where the method leaves such a layer alone."""
    if method not in medians:
        return ""
    own = _short(medians[method])
    return f"{own} ({_short(medians[method] / medians[DENSE])})" if DENSE in medians else own


def _short(value: float) -> str:
    """Return a number with three digits, or with its thousands apart."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.3g}".removesuffix(".")


if __name__ == "__main__":
    main()
