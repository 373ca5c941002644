"""Made-up records of a few methods at a few budgets, on several models, seeds and machines."""

import pytest

from decompbench.bench.suite_file import load_suite
from decompbench.bench.trial import expand

from ..conftest import make_record, suite_content, write_suite
from ..test_leaderboard import counts, latency

METHODS = ("svd", "tucker2", "basis")


@pytest.fixture
def made(tmp_path):
    """A function that makes records: by quality and share of each trial, which may be functions of it."""

    def make(quality, share=None, *, seeds=(0, 1, 2), models=("resnet8",), methods=METHODS, budgets=(0.3, 0.5)):
        content = suite_content(seeds=list(seeds))
        entry = {key: value for key, value in content["entries"][0].items() if key != "model"}
        entry |= {"models": list(models), "methods": list(methods), "budgets": [{"params": value} for value in budgets]}
        content["entries"] = [entry]
        records = []
        for trial in expand(load_suite(str(write_suite(tmp_path, content)))):
            asked = 1.0 if trial.is_dense else trial.budget.params
            own = asked if share is None or trial.is_dense else share(trial)
            records.append(record(trial, quality(trial), own))
        return records

    return make


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
