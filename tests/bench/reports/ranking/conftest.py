"""Made-up records of a few methods at a few budgets, on several models, seeds and machines."""

import pytest

from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import suite_content, write_suite
from .factories import record

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
