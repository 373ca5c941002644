"""Sets of made-up records: three rows with three seeds each."""

import pytest

from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import make_record, measured, suite_content, write_suite


@pytest.fixture
def trials(tmp_path):
    """Trials by (method, seed): the dense model, and two methods at one budget."""
    content = suite_content(seeds=[0, 1, 2])
    return {(trial.method.name, trial.seed): trial for trial in expand(load_suite(str(write_suite(tmp_path, content))))}


@pytest.fixture
def svd(trials):
    """Return the records of svd's row: a final quality for each seed, and anything else of ``Measured``."""

    def make(*finals, status="ok", **more):
        return [
            make_record(trials["svd", seed], status, **measured(final, **more)) for seed, final in enumerate(finals)
        ]

    return make


@pytest.fixture
def everything(trials):
    """Records of all trials, which all came out as 90.0."""
    return [make_record(trial, **measured(90.0)) for trial in trials.values()]
