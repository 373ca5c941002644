"""Times of the verbs that only show something, each in a process of its own, and of planning the quick suite.

python benchmarks/command_line.py
python benchmarks/command_line.py --repeat 9 --save after.json --before before.json

Every command runs once before it is timed, so that files are in memory and what is kept between runs is there. CPU
seconds are of the process and all that it starts; other programs disturb them less than the seconds on the wall. To
compare two revisions, run it in both checkouts with ``--save FILE``, and show the older one's file with ``--before``.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parents[1] / "results"
PROGRAM = [sys.executable, "-c", "from decompbench.bench.cli import main; main()"]
#: By what is typed, the seconds it may take on two quiet cores; RESULTS and FOLDER are put in.
LIMITS = {
    "--help": 0.4,
    "--version": 0.4,
    "leaderboard --results RESULTS": 1.0,
    "rank --budget params=30% --results RESULTS": 1.0,
    "methods": 1.0,
    "suites": 1.0,
    "recipes": 1.0,
    "compare RESULTS RESULTS": 1.0,
    "tables --results RESULTS --out FOLDER": 1.0,
    "published": 1.0,
    "plan quick": 3.0,
}
ADOPT_ORPHANS = 36
"""``PR_SET_CHILD_SUBREAPER`` of Linux: what a child leaves behind is ours to wait for, and its time counted."""

Times = tuple[float, float]
"""On the wall and of the CPUs, in s."""


def timed(words: list[str]) -> Times:
    """Run a command to the end of all that it starts."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"decompbench {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(command: str, repeat: int, folder: str) -> Times:
    """Return the medians of some runs after one that does not count."""
    words = [{"RESULTS": str(RESULTS), "FOLDER": folder}.get(word, word) for word in command.split()]
    runs = [timed(words) for _ in range(repeat + 1)][1:]
    wall, cpu = (median(times) for times in zip(*runs, strict=True))
    return wall, cpu


def main() -> None:
    """Time all commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="runs of each command that are timed")
    parser.add_argument("--only", default="", help="only commands with this in them")
    parser.add_argument("--save", type=Path, help="write the times to this file")
    parser.add_argument("--before", type=Path, help="show the times of this file, too")
    arguments = parser.parse_args()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)
    before = json.loads(arguments.before.read_text()) if arguments.before else {}
    after: dict[str, Times] = {}
    print(f"medians of {arguments.repeat} runs; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| command | limit, s | wall, s | CPU, s |" + " wall before, s | CPU before, s |" * bool(before))
    print("|---|---|---|---|" + "---|---|" * bool(before))
    with tempfile.TemporaryDirectory() as folder:
        for command, limit in LIMITS.items():
            if arguments.only in command:
                wall, cpu = after[command] = measure(command, arguments.repeat, folder)
                typed = command.partition(" --results")[0].replace("RESULTS", "results")
                row = f"| `{typed}` | {limit:.1f} | {wall:.2f} | {cpu:.2f} |"
                if before:
                    row += "".join(f" {seconds:.2f} |" for seconds in before.get(command, ())) or "  |  |"
                print(row, flush=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")
    if arguments.save:
        arguments.save.write_text(json.dumps(after, indent=2) + "\n")


if __name__ == "__main__":
    main()
