"""Made-up records of equal budgets, and functions that give their qualities."""

from ...factories import counts, latency, make_record

GOOD = {"dense": 90.0, "svd": 80.0, "tucker2": 85.0, "basis": 70.0}


def good(trial):
    """Quality by method, with a spread over seeds that is smaller than what lies between methods."""
    return GOOD[trial.method.name] + 0.1 * trial.seed


def replaced(records, match, **changes):
    """Return records of which those that match are as changed."""
    return [one.model_copy(update=changes) if match(one.trial) else one for one in records]


def record(trial, value, share, status="ok", ratio=0.5, load=0.0, **more):
    """Return one record; a quality of None is a trial that scored nothing."""
    return make_record(
        trial,
        status=status,
        metric="top1",
        unit="%",
        higher_is_better=True,
        quality={"finished": {} if value is None else {"top1": value}},
        counts=counts(round(1e6 * share)),
        dense_counts=counts(1_000_000),
        latency=[latency(ratio, load), latency(ratio / 2, load) | {"batch_size": 8}],
        **more,
    )
