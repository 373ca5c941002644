"""The table of ``docs/leaderboard.md`` on how often a row is marked as worse by chance.

    python tools/false_marks.py                 # prints it, a line every few minutes

All methods of a made-up table are equal: their qualities are drawn from one normal distribution, so that every mark is
false. The leader is chosen by the same values, as in a true table.
"""

from __future__ import annotations

import numpy as np

from decompbench.bench.reports.statistics import standings

#: Rows and seeds of the tables.
SIZES = ((2, 3), (6, 3), (11, 3), (11, 5), (11, 10))
TABLES = 4000


def false_marks(rows: int, seeds: int, tables: int = TABLES, seed: int = 0) -> tuple[float, float, float]:
    """Return the share of rows marked, of tables with a mark, and of tables with one had each row been tested alone.

    Rows are those that are held against the leader.
    """
    generator = np.random.default_rng(seed)
    marks, marked, alone = 0, 0, 0
    for _ in range(tables):
        found = standings(generator.normal(size=(rows, seeds)).tolist())
        worse = [standing for standing, _ in found].count("worse")
        marks += worse
        marked += worse > 0
        alone += any(interval is not None and interval[1] < 0 for _, interval in found)
    return marks / (tables * (rows - 1)), marked / tables, alone / tables


def main() -> None:
    """Print a line for each size."""
    print("| rows | seeds | rows marked | tables with a mark | the same without the correction |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for rows, seeds in SIZES:
        shares = " | ".join(f"{100 * share:.1f} %" for share in false_marks(rows, seeds))
        print(f"| {rows} | {seeds} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
