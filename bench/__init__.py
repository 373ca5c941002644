"""The harness: suites, trials, tasks, measuring, records, reports and the command line.

The names below are what it takes to use it from Python; each is imported when it is first asked for::

    frame = load_frame("results")                      # every record as a row of a pandas frame
    records, damages = find_records(Path("results"))
    cells = rank_cells(records, parse_budget("params=30%"))
    model, plan = load_variant("li2019-resnet56-basis")
"""

from typing import TYPE_CHECKING

from ..common.lazy import lazy_names

if TYPE_CHECKING:
    from .base.errors import BenchError
    from .planning.variants import load_variant
    from .records.find import find_records, latest
    from .records.frame import load_frame
    from .reports.compare import compare, read_set
    from .reports.leaderboard.rows import leaderboard
    from .reports.published import published_points
    from .reports.ranking import average_ranks, parse_budget, rank_cells
    from .running.progress import create_progress
    from .running.run_suite import run_suite
    from .suite.load import load_suite
    from .suite.trial import expand

__all__ = [
    "BenchError",
    "average_ranks",
    "compare",
    "create_progress",
    "expand",
    "find_records",
    "latest",
    "leaderboard",
    "load_frame",
    "load_suite",
    "load_variant",
    "parse_budget",
    "published_points",
    "rank_cells",
    "read_set",
    "run_suite",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".base.errors": ("BenchError",),
        ".planning.variants": ("load_variant",),
        ".records.find": ("find_records", "latest"),
        ".records.frame": ("load_frame",),
        ".reports.compare": ("compare", "read_set"),
        ".reports.leaderboard.rows": ("leaderboard",),
        ".reports.published": ("published_points",),
        ".reports.ranking": ("average_ranks", "parse_budget", "rank_cells"),
        ".running.progress": ("create_progress",),
        ".running.run_suite": ("run_suite",),
        ".suite.load": ("load_suite",),
        ".suite.trial": ("expand",),
    },
)
