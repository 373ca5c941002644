"""The check that a revision is no worse than another, both measured with asv.

    python benchmarks/asv/regressions.py BASE [HEAD]
    python benchmarks/asv/regressions.py main --bench Counts --bench 'Compression.*tucker2'

It fails (exit code 1) if an exact count changed, a tracked error grew by more than its tolerance, a benchmark fails or
is skipped that was not, or a time or peak memory grew significantly, and does so again when it is measured a second
time. Exit code 2: the comparison could not be made.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import Machine, MachineCollection
from asv.repo import NoSuchNameError, Repo, get_repo
from asv.results import Results
from asv.util import UserError
from changes import changes, results_of, slower, values_of

ROOT = Path(__file__).resolve().parents[2]
FACTOR = 1.3
"""How much a time may grow."""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code."""
    options = parse(arguments)
    os.chdir(options.config.parent)  # where asv starts paths from
    try:
        conf = Config.load(str(options.config))
        repo = get_repo(conf)
        assert repo is not None  # the configuration names one
        commits = commit_of(repo, options.base), commit_of(repo, options.head)
        if commits[0] == commits[1]:
            raise UserError(f"{options.base} and {options.head} are the same revision: nothing to compare")
        machine = options.machine or Machine.get_unique_machine_name()
        if not options.no_run:
            measure(commits, machine, options, options.bench)
        return compare(conf, commits, machine, options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="revision to compare with")
    parser.add_argument("head", nargs="?", default="HEAD", help="revision to judge; what is not committed is left out")
    parser.add_argument("--factor", type=float, default=FACTOR, help=f"how much a time may grow (default {FACTOR:g})")
    parser.add_argument("--bench", action="append", default=[], help="regular expression of benchmarks; all by default")
    parser.add_argument("--machine", help="asv's name of this machine; the host's by default")
    parser.add_argument("--no-run", action="store_true", help="compare the results there are, measure nothing")
    parser.add_argument("--config", type=lambda path: Path(path).resolve(), default=ROOT / "asv.conf.json")
    options = parser.parse_args(arguments)
    if options.factor <= 1:
        parser.error(f"--factor {options.factor:g}: must be more than 1")
    return options


def commit_of(repo: Repo, name: str) -> str:
    """Return the hash of a revision."""
    try:
        return repo.get_hash_from_name(name)
    except NoSuchNameError:
        raise UserError(f"there is no revision '{name}'") from None


def measure(commits: tuple[str, str], machine: str, options: argparse.Namespace, patterns: list[str]) -> None:
    """Let asv measure both commits in turn, in the environment that they share: benchmarks that match a pattern."""
    asv = [sys.executable, "-m", "asv", "--config", str(options.config)]
    if not Path(MachineCollection.get_machine_file_path()).exists():
        subprocess.run([*asv, "machine", "--yes"], check=True, stdout=subprocess.DEVNULL)
    run = [*asv, "run", "HASHFILE:-", "--interleave-rounds", "--record-samples", "--show-stderr", "--machine", machine]
    for pattern in patterns:
        run += ["--bench", pattern]
    done = subprocess.run(run, input="\n".join(commits), text=True, check=False)
    if done.returncode not in (0, 2):  # 2: some benchmark failed, which the comparison tells
        raise UserError(f"asv could not measure: it ended with exit code {done.returncode}")


def compare(conf: Config, commits: tuple[str, str], machine: str, options: argparse.Namespace) -> int:
    """Print what changed and return the exit code."""
    benchmarks = Benchmarks.load(conf, regex=options.bench)
    results = both(conf, machine, commits)
    base, head = (values_of(benchmarks, one) for one in results)
    common = base.keys() & head.keys()
    if not common:
        raise UserError(f"{options.base} and {options.head} have no benchmark in common: is --bench right?")
    if all(base[name].failed for name in common):  # its build failed, or the benchmarks do not go with it at all
        raise UserError(f"no benchmark ran on {options.base}: there is nothing to compare with")
    found = changes(base, head)
    worse = slower(conf, benchmarks, commits, results, options.factor)
    if worse and not options.no_run:
        # of hundreds of times some differ by chance, and more where the machine has other work
        print(f"\nmeasured again, as they got worse: {', '.join(worse)}", flush=True)
        patterns = [f"^{re.escape(name)}$" for name in worse]  # asv matches the name with its parameters
        measure(commits, machine, options, patterns)
        again = Benchmarks.load(conf, regex=patterns)
        worse = [
            name for name in slower(conf, again, commits, both(conf, machine, commits), options.factor) if name in worse
        ]
    print(f"\n{len(common)} results compared, {options.base} -> {options.head}")
    for change in found:
        print(change)
    failures = sum(change.fails for change in found)
    if worse:
        print("FAIL  times or memory grew: the table 'Benchmarks that have got worse' above")
    if not failures and not worse:
        print("no regression")
    return 1 if failures or worse else 0


def both(conf: Config, machine: str, commits: tuple[str, str]) -> tuple[list[Results], list[Results]]:
    """Return the results there are of both commits."""
    return results_of(conf, machine, commits[0]), results_of(conf, machine, commits[1])


if __name__ == "__main__":
    sys.exit(main())
