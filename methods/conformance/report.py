"""The conformance report: the results of all checks of one method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CheckResult:
    """The result of one check on all its cases.

    Attributes
    ----------
    name
        Of the check, such as ``check_forms_agree``.
    promise
        The promise it tests, in a sentence.
    passed
        Number of cases in which the promise is kept.
    skipped
        Number of cases that the promise does not apply to, by reason.
    failures
        The message of every case in which the promise is broken.
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
        """Return the two most frequent reasons with their numbers of cases, and the number for all others."""
        often = sorted(self.skipped.items(), key=lambda item: -item[1])
        shown = [f"{reason} ({count})" for reason, count in often[:2]]
        others = sum(count for _, count in often[2:])
        return ", ".join([*shown, *([f"other reasons ({others})"] if others else [])])

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the outcome as a plain mapping."""
        return {
            "check": self.name,
            "promise": self.promise,
            "outcome": self.outcome,
            "passed": self.passed,
            "skipped": dict(self.skipped),
            "failures": list(self.failures),
        }


@dataclass(frozen=True)
class ConformanceReport:
    """The results of all checks of one method.

    Attributes
    ----------
    method
        The method with its settings.
    results
        One result for each check.
    """

    method: str
    results: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(result.failures for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a plain mapping."""
        return {"method": self.method, "ok": self.ok, "checks": [result.to_json() for result in self.results]}

    def __str__(self) -> str:
        """Return one line a check, with the first message below a check that failed."""
        width = max((len(result.name) for result in self.results), default=0)
        lines = []
        for result in self.results:
            line = f"{result.name:{width}}  {result.outcome:7}  {result.passed:>3} passed"
            skipped = result.skipped_in_short()
            lines.append(f"{line}, skipped: {skipped}" if skipped else line)
            if result.failures:
                lines.append(f"    {len(result.failures)} failed, the first: {result.failures[0]}")
        return "\n".join([self.method, *lines])
