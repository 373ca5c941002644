"""The report of a validation."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...base.text import counted


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: the file, the line's number from 1 or None where it is about the file, and what."""

    path: Path
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{'' if self.line is None else f'{self.line}:'} {self.what}"


@dataclass
class ValidationReport:
    """All findings, and what was looked at.

    Attributes
    ----------
    findings
        By file and line.
    files, records
        How many were read.
    planned_again
        How many records' sizes were computed again from their settings.
    not_planned
        By reason, how many were not.
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    records: int = 0
    planned_again: int = 0
    not_planned: dict[str, int] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What was looked at, in a line or a few."""
        lines = [
            f"{counted(self.records, 'record')} in {counted(self.files, 'file')}: "
            f"{counted(len(self.findings), 'finding') if self.findings else 'nothing found'}; "
            f"the sizes of {self.planned_again:,} were computed again"
        ]
        lines += [f"not computed again: {counted(count, 'record')}: {why}" for why, count in self.not_planned.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the report ready for JSON."""
        return asdict(self) | {"findings": [asdict(one) | {"path": str(one.path)} for one in self.findings]}
