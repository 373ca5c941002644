"""Validate all records in a folder."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import BenchError
from .plans import plan_again
from .read import RecordLine, read_lines
from .report import Finding, ValidationReport
from .settings import check_metrics, check_settings
from .summaries import check_summaries
from .sums import check_sums
from .values import check_values
from .whereabouts import check_file, check_place, check_repeats

#: What is asked of each record for itself.
CHECKS = (check_place, check_values, check_summaries, check_sums, check_settings)


def validate(folder: Path, *, plan: bool = True) -> ValidationReport:
    """Look for what is wrong with the records in a folder.

    Parameters
    ----------
    folder
        Of all results, of a suite, or of one machine's.
    plan
        Compute sizes and operations again from each record's settings, too.

    Returns
    -------
    ValidationReport
        The findings, file by file and line by line.

    Raises
    ------
    BenchError
        There are no records, or they cannot be read.
    """
    files = sorted(folder.rglob("records.jsonl"))
    if not files:
        raise BenchError(f"no records.jsonl in {folder}")
    report = ValidationReport(files=len(files))
    lines: list[RecordLine] = []
    for file in files:
        report.findings += check_file(file)
        own, damaged = read_lines(file)
        report.findings += damaged
        lines += own
        for line in own:
            report.findings += [
                Finding(line.path, line.number, what) for check in CHECKS for what in check(line.record, line.path)
            ]
        report.findings += check_repeats(own)
    report.findings += check_metrics(lines)
    report.records = len(lines)
    if plan:
        plan_again(lines, report)
    report.findings.sort(key=lambda finding: (str(finding.path), finding.line or 0))
    return report
