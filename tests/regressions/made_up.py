"""A repository of a few empty commits, with results as asv writes them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asv.results import Results
from asv.runner import BenchmarkResult

MACHINE = "somewhere"
METHODS = ("'one'", "'two'")
MACS = "counts.Counts.track_macs"
ERROR = "quality.ShortTraining.track_top1_error"
COMPRESS = "speed.Compression.time_compress"
MEMORY = "speed.Compression.peakmem_compress"
FAILED, SKIPPED = None, float("nan")

KINDS = {
    MACS: ("track", "MACs", "MACs"),
    ERROR: ("track", "%", "Top-1 error"),
    COMPRESS: ("time", "seconds", "Compress"),
    MEMORY: ("peakmemory", "bytes", "Peak memory"),
}
STEADY = (1.0, 1.01, 1.02, 0.99, 0.98, 1.0, 1.01, 0.99, 1.02, 1.0)
"""Samples of one second each, that agree."""
VALUES: Mapping[str, Sequence[Any]] = {
    MACS: (40_551_040, 12_204_672),
    ERROR: (8.0, 9.5),
    COMPRESS: (STEADY, STEADY),
    MEMORY: (600e6, 610e6),
}


def benchmark(name: str, version: str = "1") -> dict[str, Any]:
    """Return what asv knows of a benchmark."""
    kind, unit, pretty = KINDS[name]
    return {
        "name": name, "pretty_name": pretty, "type": kind, "unit": unit, "version": version, "code": "", "timeout": 60,
        "params": [list(METHODS)], "param_names": ["method"],
    }  # fmt: skip


class Project:
    """A folder with an asv.conf.json, its own repository and its results."""

    def __init__(self, folder: Path, commits: int = 2) -> None:
        self.folder = folder
        self.config = folder / "asv.conf.json"
        self.results = folder / "results"
        self._git("init", "--quiet", "--initial-branch=main")
        for number in range(commits):
            self._git("commit", "--quiet", "--allow-empty", "--message", f"commit {number}", date=number)
        self.commits = self._git("rev-list", "--reverse", "HEAD").split()
        settings = {
            "version": 1, "project": "made-up", "repo": ".", "branches": ["HEAD"], "environment_type": "virtualenv",
        }  # fmt: skip
        self.config.write_text(json.dumps(settings))
        listed = {name: benchmark(name) for name in KINDS}
        self._write("benchmarks.json", {**listed, "version": 2})
        self._write(f"{MACHINE}/machine.json", {"machine": MACHINE, "version": 1})

    def forget(self) -> None:
        """Remove all results."""
        for path in (self.results / MACHINE).glob("*-env.json"):
            path.unlink()

    def write(self, commit: int, values: Mapping[str, Sequence[Any]], version: str = "1") -> None:
        """Store results of a commit: per benchmark one value for each method, or the samples of a time."""
        results = Results(
            {"machine": MACHINE, "python": "3.11"}, {}, self.commits[commit], _date(commit) * 1000, "3.11", "env", {}
        )
        for name, given in {**VALUES, **values}.items():
            samples = [list(one) if isinstance(one, tuple) else None for one in given]
            numbers = [None if one is None else 1 for one in samples]
            single = [one if samples[place] is None else 0.0 for place, one in enumerate(given)]
            result = BenchmarkResult(single, samples, numbers, 0, "", None)
            results.add_result(benchmark(name, version), result, record_samples=True)
        results.save(str(self.results))

    def _write(self, name: str, content: dict[str, Any]) -> None:
        path = self.results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def _git(self, *arguments: str, date: int = 0) -> str:
        who = {f"GIT_{role}_{what}": "someone" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        when = {f"GIT_{role}_DATE": f"{_date(date)} +0000" for role in ("AUTHOR", "COMMITTER")}
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **who, **when}, check=True, capture_output=True, text=True
        )
        return done.stdout


def _date(number: int) -> int:
    """Return seconds of the epoch, a day between two commits."""
    return 1_750_000_000 + 86_400 * number
