"""What a run of the conformance suite found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CheckResult:
    """What one check found on all its cases.

    Attributes
    ----------
    name
        Of the check, such as ``check_forms_agree``.
    promise
        What it tests, in a sentence.
    passed
        Number of cases in which the promise is kept.
    skipped
        Reason → number of cases to which the promise does not apply for that reason.
    failures
        Message of every case in which it is not kept.
    """

    name: str
    promise: str
    passed: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """``"failed"`` if any case failed, else ``"passed"`` if any passed, else ``"skipped"``."""
        return "failed" if self.failures else "passed" if self.passed else "skipped"

    def skipped_in_short(self) -> str:
        """Return the two most frequent reasons with their numbers of cases, and how many there are for others."""
        often = sorted(self.skipped.items(), key=lambda item: -item[1])
        shown = [f"{reason} ({count})" for reason, count in often[:2]]
        others = sum(count for _, count in often[2:])
        return ", ".join([*shown, *([f"other reasons ({others})"] if others else [])])

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a plain mapping."""
        return {
            "check": self.name,
            "promise": self.promise,
            "outcome": self.outcome,
            "passed": self.passed,
            "skipped": dict(self.skipped),
            "failures": list(self.failures),
        }


@dataclass(frozen=True)
class Report:
    """What the checks found about one method.

    Attributes
    ----------
    method
        The method with its settings.
    results
        One for each check.
    """

    method: str
    results: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(result.failures for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a plain mapping."""
        return {"method": self.method, "ok": self.ok, "checks": [result.to_json() for result in self.results]}

    def __str__(self) -> str:
        """Return one line a check, and below it the first message of a failure."""
        width = max((len(result.name) for result in self.results), default=0)
        lines = []
        for result in self.results:
            line = f"{result.name:{width}}  {result.outcome:7}  {result.passed:>3} passed"
            skipped = result.skipped_in_short()
            lines.append(f"{line}, skipped: {skipped}" if skipped else line)
            if result.failures:
                lines.append(f"    {len(result.failures)} failed, the first: {result.failures[0]}")
        return "\n".join([self.method, *lines])
