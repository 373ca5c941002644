"""The report of a contribution: what was added, and what is left to do."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.text import counted
from ..validate.read import RecordLine
from ..validate.report import Finding


@dataclass(frozen=True)
class Part:
    """What one records file gives.

    Attributes
    ----------
    source, target
        The file, and that of the reference.
    new
        Lines that the reference does not have.
    uncommitted
        Lines left out because the code that made them is in no commit.
    there
        How many the reference has already.
    """

    source: Path
    target: Path
    new: list[RecordLine]
    uncommitted: list[RecordLine]
    there: int

    @property
    def machine(self) -> str:
        """The machine's id."""
        return self.source.parent.name

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.source.parent.parent.name


@dataclass
class Contribution:
    """What is added to a reference.

    Attributes
    ----------
    reference
        Its folder.
    parts
        By records file.
    findings
        What is wrong; nothing is added where there are any.
    written
        Whether it was written.
    """

    reference: Path
    parts: list[Part] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    written: bool = False

    @property
    def new(self) -> list[RecordLine]:
        """All lines that the reference does not have and can have."""
        return [line for part in self.parts for line in part.new]

    @property
    def whole(self) -> bool:
        """Whether nothing had to be left out."""
        return not self.findings and not any(part.uncommitted for part in self.parts)

    @property
    def commands(self) -> list[str]:
        """What to type then, if that is not done yet: tables are made anew, and all is committed."""
        parts = [part for part in self.parts if part.new or part.there]
        if self.findings or not parts:
            return []
        checkout, named = self.reference.resolve().parent, self.reference.name
        suites, machines = ([getattr(part, name) for part in parts] for name in ("suite", "machine"))
        message = f"Results of {_listed(suites)} on {_listed(machines)}"
        return [
            f"cd {shlex.quote(str(checkout))}",
            f"{shlex.quote(sys.executable)} tools/tables.py",
            f"git add {shlex.quote(named)} README.md docs",
            f"git commit -m {shlex.quote(message)}",
        ]

    @property
    def summary(self) -> list[str]:
        """What happened, a line for each thing."""
        if self.findings:
            return [f"nothing is contributed: {counted(len(self.findings), 'finding')}"]
        lines = []
        for part in self.parts:
            done = "added" if self.written else "to add"
            lines.append(f"{part.target}: {counted(len(part.new), 'record')} {done}, {part.there} were there")
            if part.uncommitted:
                lines.append(
                    f"{part.source}: {counted(len(part.uncommitted), 'record')} left out, made by code that is in no "
                    "commit: commit it and run them again, or give --allow-dirty"
                )
        statuses = Counter(line.record.status for line in self.new if line.record.status != "ok")
        lines += [f"{counted(count, 'new record')} ended as {status}" for status, count in sorted(statuses.items())]
        if noisy := sum(any(one.noise for one in line.record.measured.latency) for line in self.new):
            lines.append(f"{counted(noisy, 'new record')} with times of a busy machine, which tables mark")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the contribution ready for JSON."""
        return {
            "reference": str(self.reference),
            "written": self.written,
            "files": [
                {
                    "source": str(part.source),
                    "target": str(part.target),
                    "new": [line.record.key for line in part.new],
                    "uncommitted": [line.record.key for line in part.uncommitted],
                    "there": part.there,
                }
                for part in self.parts
            ],
            "findings": [{"path": str(one.path), "line": one.line, "what": one.what} for one in self.findings],
            "commands": self.commands,
        }


def _listed(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names))
