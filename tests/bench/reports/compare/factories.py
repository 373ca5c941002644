"""Comparisons of two lists of made-up records."""

from decompbench.bench.reports.compare import RecordSet, Thresholds, compare


def as_set(records, name="A"):
    return RecordSet(name, f"folder {name}", list(records), [])


def compared(a, b, **thresholds):
    """Return the comparison of two lists of records."""
    return compare(as_set(a, "A"), as_set(b, "B"), Thresholds(**thresholds))


def findings(a, b, **thresholds):
    """Return what is not the same: (what, verdict) of each finding."""
    comparison = compared(a, b, **thresholds)
    return [(one.what, one.verdict) for row in comparison.rows for one in row.findings if one.verdict != "same"]


def with_machine(records, machine):
    return [record.model_copy(update={"machine": machine}) for record in records]
