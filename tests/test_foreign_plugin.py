"""The package of foreign methods keeps its promises, and a suite goes on without it."""

import subprocess
import sys
from pathlib import Path

import pytest

from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.needs import is_installed, left_out
from decompbench.bench.suite.trial import expand

FOLDER = Path(__file__).parents[1] / "examples" / "foreign"


@pytest.mark.parametrize(
    "which", ["not conforms", pytest.param("conforms", marks=pytest.mark.slow)], ids=["behaviour", "conformance"]
)
def test_its_own_tests_pass(which):
    # in a process of its own, as its author runs them
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", which, str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("present", [True, False])
def test_rows_are_left_out_without_their_package(present, monkeypatch):
    monkeypatch.setattr("decompbench.bench.suite.needs.is_installed", lambda name: present)
    suite = load_suite("foreign")
    rows = {trial.method.name for trial in expand(suite)}
    assert ({"torch-pruning", "torchao-weights"} <= rows) == present
    assert {"svd", "tucker2", "group"} <= rows
    assert [line.partition(" is left out")[0] for line in left_out(suite)] == (
        [] if present else ["torch-pruning", "torchao-weights"]
    )


def test_what_is_installed_is_found():
    assert is_installed("torch")
    assert not is_installed("no-such-package-anywhere")
