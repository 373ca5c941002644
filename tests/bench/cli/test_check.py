"""``decompbench check``: a table or JSON, and an exit code that a pipeline can go by."""

import json

import pytest

from decompbench.methods.conformance import runner
from decompbench.methods.contract import registry as registry_module
from tests.methods.conformance.broken_methods import Anonymous

from ..factories import decompbench


@pytest.fixture(autouse=True)
def first_checks_only(monkeypatch):
    """Run the first checks alone: the conformance suite has tests of its own; these are of what is told of it."""
    monkeypatch.setattr(runner, "CHECKS", runner.CHECKS[:8])


def test_a_method_that_conforms():
    run = decompbench("check", "kmeans", "--settings", "clusters=7", "--set", "codebook=layer", "--quick")
    assert run.returncode == 0
    assert "kmeans(clusters=7, codebook=layer) keeps every promise that applies to it" in run.stdout
    assert all(function.__name__ in run.stdout for function, _ in runner.CHECKS)
    assert "1×1 convolution (2)" in run.stdout


def test_a_broken_promise_is_told_and_gives_exit_code_1(monkeypatch):
    monkeypatch.setitem(registry_module._methods, Anonymous.name, Anonymous)
    run = decompbench("check", Anonymous.name, "--quick")
    assert run.returncode == 1
    assert "breaks 1 promise" in run.stdout
    assert "say where the method comes from" in run.stdout
    run = decompbench("check", Anonymous.name, "--quick", "--json")
    assert run.returncode == 1
    told = json.loads(run.stdout)
    assert (told["ok"], told["quick"]) == (False, True)
    assert [check["check"] for check in told["checks"] if check["failures"]] == ["check_describes_itself"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["svdd"], "did you mean 'svd'"), (["svd", "--set", "rank=2"], "got 2"), (["svd", "--set", "rank"], "key=value")],
)
def test_mistakes_give_exit_code_2(arguments, message):
    run = decompbench("check", *arguments)
    assert run.returncode == 2
    assert message in run.stderr
